"""The `tenancy` command: parse, call, print; exit codes."""
