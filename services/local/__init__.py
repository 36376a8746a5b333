"""Standings on one machine: the services and a Valkey of their own as child processes, and a simulated race."""
