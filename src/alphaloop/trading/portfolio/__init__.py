"""One account, several strategies, orders that may or may not come true: pure decisions, no I/O, no clock."""
