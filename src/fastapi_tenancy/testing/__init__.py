"""For tests, demos and benchmarks: an embedded PostgreSQL and a pytest plugin."""
