"""Takes commands, decides them and appends the events that follow to the log."""
