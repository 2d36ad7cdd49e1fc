"""Predict what will break, prove it with a controlled experiment, fix it, keep the evidence."""

__version__ = "0.1.0"
