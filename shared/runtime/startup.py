"""Why a process does not start: one sentence with the way out, and exit code 78."""


class RefusesToStart(Exception):
    """What was asked for cannot be done as this deployment is set up; says why and what to do."""
