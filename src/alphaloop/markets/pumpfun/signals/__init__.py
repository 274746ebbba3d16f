"""Signals: what is said when a tracked wallet buys, when a launch is a minute old, and when a token turns bad."""
