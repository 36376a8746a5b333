"""Folds each contest's log into its numbered projection."""
