"""What a service is as a process: settings, start and end, tasks, log lines, files, what it keeps in memory."""
