"""The loop over phases, checkpoints, and what a training will cost."""
