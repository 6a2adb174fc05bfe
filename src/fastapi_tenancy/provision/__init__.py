"""One tenant: made so that it is current from its first second, suspended, ended."""
