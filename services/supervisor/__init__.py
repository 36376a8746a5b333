"""`standings run`: the three services and a Valkey of their own, as child processes of one command."""
