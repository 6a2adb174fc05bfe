"""Sessions of SQLAlchemy that see one tenant."""
