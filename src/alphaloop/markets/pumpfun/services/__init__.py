"""The pipeline's process: what runs in it, and how often."""
