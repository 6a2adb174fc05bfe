"""The revisions that an application serves: its tenants' positions, and who brings them there."""
