"""A tenant of nobody's: built from the migrations in a scratch place, compared with, removed."""
