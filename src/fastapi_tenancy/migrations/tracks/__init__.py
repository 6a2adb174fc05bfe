"""Several Alembic histories in one project: which there are, where they apply, in which order."""
