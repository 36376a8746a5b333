"""A contest's projection, its ledger and its state: committed, read, sealed and parked."""
