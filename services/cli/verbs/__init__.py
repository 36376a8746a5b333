"""The verbs of the command line: each imports only what it needs, when it is used."""
