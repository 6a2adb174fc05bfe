"""The road of env.py itself: run for each target, in worker processes."""
