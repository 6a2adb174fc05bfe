"""Runs that go on while nobody waits for them, kept in memory."""
