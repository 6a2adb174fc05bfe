"""Whose request this is: read from an ASGI scope, looked up in the catalogue, remembered."""
