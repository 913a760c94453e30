"""Learned proximal networks and the priors they hold (its first resident comes with them)."""
