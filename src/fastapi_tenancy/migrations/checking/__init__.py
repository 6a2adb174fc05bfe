"""Checks that models and migrations agree, and that tenants who share tables are kept apart."""
