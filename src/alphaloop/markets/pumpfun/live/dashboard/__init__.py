"""The trader in a browser: how it does, what it holds, what it decided and why, and a person's commands to it."""
