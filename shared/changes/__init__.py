"""Changes of scores, as they are published."""
