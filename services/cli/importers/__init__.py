"""Importers: published tables in, command dicts out. Pure: no file, no network, no clock."""
