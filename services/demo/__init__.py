"""A simulated race for trying Standings out."""
