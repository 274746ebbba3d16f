"""Estimators, one per file, behind one small protocol; the baselines first."""
