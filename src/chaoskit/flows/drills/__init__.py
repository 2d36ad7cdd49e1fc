"""Drills: a fault is injected on purpose, and how well it is detected, classified and recovered is scored."""
