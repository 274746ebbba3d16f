"""The trader process: start-up, loop, journal, checkpoints, shutdown. What it decides is `alphaloop.trading`."""
