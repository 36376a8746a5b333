"""The API's HTTP: routes, and replies with their headers."""
