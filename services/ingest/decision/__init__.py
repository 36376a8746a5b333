"""What follows from a command: read, worded, decided, answered. Pure."""
