"""Judges structure: which tenants differ from what the migrations build at their revision."""
