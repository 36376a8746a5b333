"""Contests in memory, kept up with their ledgers, and who waits for their changes."""
