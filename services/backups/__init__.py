"""Backups of every log, and archives of old versions: files that hold what Redis held."""
