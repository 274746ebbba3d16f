"""Exchange bars: open, high, low, close and volume of a fixed step, known at their close."""
