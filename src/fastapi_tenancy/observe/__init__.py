"""Reads a whole server at once: positions, structure, capacity."""
