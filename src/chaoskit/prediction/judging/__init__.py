"""How good a model is: baselines, figures with intervals, probes for leaks, the card that tells all that."""
