"""`tenancy demo`: a fleet of its own, migrated before one's eyes."""

from fastapi_tenancy.cli.demo.run import run_demo

__all__ = ["run_demo"]
