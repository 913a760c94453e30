"""Iterative solvers, each a loop over an operator."""
