"""What lies in Redis and in archives: connections, the names of keys, streams, the log and its text."""
