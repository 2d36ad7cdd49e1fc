"""Measurements as arrays: rows (pods) by signal by time. It knows of no file, label or model."""
