"""From a document to a verdict: faults, targets, plans, runs."""
