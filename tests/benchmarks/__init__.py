"""Measurements, printed as ratios of one run. `make bench` runs them all; nothing here is a test."""
