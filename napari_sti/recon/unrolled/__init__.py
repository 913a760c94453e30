"""Unrolled reconstruction: a few steps of an iteration in which a trained network stands for the regulariser."""
