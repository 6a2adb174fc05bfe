"""Alembic script directories: loaded once, with `op` and `context` local to each thread."""
