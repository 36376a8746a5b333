"""Standings, for those who use it: a client (`standings.client`) and a local copy to fold changes into."""
