"""The door by which documentation has always reached the catalogue in a database."""

from fastapi_tenancy.storage.sqlalchemy import SQLAlchemyTenantStore

__all__ = ["SQLAlchemyTenantStore"]
