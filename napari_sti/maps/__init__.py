"""Free functions on arrays: colours, metrics, coherence of tensor fields."""
