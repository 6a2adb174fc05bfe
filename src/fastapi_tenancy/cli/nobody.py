"""What is said where there is nobody to work on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.url import masked

if TYPE_CHECKING:
    from fastapi_tenancy.migrations.fleet import Fleet


def nobody(fleet: Fleet, selection: Selection) -> str:
    """Why there is nobody, and what finds somebody."""
    if selection != Selection():
        return "no tenant is chosen by these options; `tenancy tenants list` takes the same ones"
    config = fleet.config
    if config.schema_pattern is not None:
        return (
            f"no tenants to work on: no schema of {masked(config.database_url or '')} is LIKE"
            f" {config.schema_pattern!r}; check schema_pattern and database_url, and that the"
            " role may see the schemas"
        )
    if config.tenants_query is not None:
        return (
            f"no tenants to work on: tenants_query gives no rows in {masked(config.catalogue_url)};"
            " check the query, and the database it asks (catalogue_url, by default database_url)"
        )
    return (
        "no tenants to work on: `tenancy tenants add IDENTIFIER` adds one, tenants_query or"
        " schema_pattern in tenancy.toml finds those you have"
    )
