"""What every service that speaks HTTP has: its server, what stands at its door, and problems."""
