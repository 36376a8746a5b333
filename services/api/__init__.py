"""Answers who stood where, at any point of valid time and of known time."""
