"""The command line's rooms: talking to the services, printing, importing, the demo."""
