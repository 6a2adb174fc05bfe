"""Compares the models with what the migrations make, or with a tenant."""
