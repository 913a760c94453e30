"""Simulated brains and simulated scans of them."""
