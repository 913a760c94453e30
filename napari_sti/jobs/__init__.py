"""Reconstructions in a process of their own: job files, the warm worker, its client and the list of runs."""
