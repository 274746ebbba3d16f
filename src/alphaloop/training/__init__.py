"""The factory: tune, fit, calibrate, choose a threshold, export one graph, and prove that it is the model."""
