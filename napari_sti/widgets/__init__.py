"""The workbench: one dock widget with a panel for each step, a job bar and the list of runs."""
