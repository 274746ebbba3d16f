"""What the chain says about Pump.fun: program logs and transactions to raw event records, and records to events."""
