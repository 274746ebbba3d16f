"""The command tree: the only folder that prints, exits or starts an event loop."""
