"""Pump.fun: program logs to signals, outcomes and calibrated models."""
