"""Many methods on many simulated scans, and what their results are worth: tables and figures."""
