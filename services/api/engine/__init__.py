"""The time-travel engine: one contest's ledger as arrays, and sums at any moment. Pure."""
