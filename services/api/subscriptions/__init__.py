"""Following changes: from any place on, and told as they come."""
