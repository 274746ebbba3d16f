"""From the chain's endpoints to recorded events in one order: connections, gaps, duplicates, back-pressure."""
