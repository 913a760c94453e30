"""Training: tasks, simulated and own data, and the engine that drives PyTorch Lightning."""
