"""Chaos: real processes under load while they are killed and paused, and a checker of what must hold all the same."""
