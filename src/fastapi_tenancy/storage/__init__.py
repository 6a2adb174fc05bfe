"""The catalogue: where the list of tenants is kept and read."""
