"""A small library for companies: books, users and roles of each in a schema of its own."""
