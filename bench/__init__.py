"""Measures the promises of speed and memory: ratios within one run, on the same work."""
