"""Conditions that must hold before, during and after a fault, and who reads them."""
