"""The command line: its verbs, what they print and what they import."""
