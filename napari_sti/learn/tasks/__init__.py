"""What can be trained: one file is one task. Nothing here imports torch or Lightning at module level."""
