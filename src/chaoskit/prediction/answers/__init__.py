"""What a model, or rules in its place, says of now: who is at risk, as what, why; and whether it holds."""
