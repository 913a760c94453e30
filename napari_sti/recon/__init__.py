"""The forward operator, the solvers, and one file per reconstruction method."""
