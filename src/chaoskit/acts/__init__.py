"""One thing done to one target, with its undo; and the in-cluster ledger that remembers it."""
