"""The services and the command line: each verb imports only what it needs."""
