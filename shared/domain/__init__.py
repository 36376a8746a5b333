"""The pure core: events, their fold and the standings they give. No IO, no clock, no randomness."""
