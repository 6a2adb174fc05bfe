"""Frozen values that travel between the rooms; no framework, no I/O."""
