"""Somebody's files, by a mapping, and ours: metrics, events, collected stretches of time."""
