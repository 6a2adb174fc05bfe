"""The Python faces of fleet migrations."""
