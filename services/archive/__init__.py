"""Backups: every contest's log in one file, and back into an empty server."""
