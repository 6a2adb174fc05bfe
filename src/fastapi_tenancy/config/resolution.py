"""Settings: how the application finds out whose request it has."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, Field

from fastapi_tenancy.config.values import Count, Names, Seconds


class ResolutionStrategy(StrEnum):
    """Where a request names its tenant."""

    HEADER = "header"


class ResolutionSettings(BaseModel):
    """Where requests name their tenant, who is served, and what is remembered of it."""

    resolution_strategy: ResolutionStrategy = Field(
        default=ResolutionStrategy.HEADER,
        description="Where a request names its tenant: header.",
    )
    tenant_header_name: str = Field(
        default="X-Tenant-ID",
        pattern=r"\A[A-Za-z0-9!#$%&'*+.^_`|~-]+\z",
        description="Of header: the header that holds the identifier.",
    )
    paths_without_tenant: Names = Field(
        default=(
            "/docs",
            "/redoc",
            "/openapi.json",
            "/health",
            "/healthz",
            "/livez",
            "/readyz",
            "/metrics",
            "/favicon.ico",
            "/admin",
        ),
        description="Paths, with all below them, whose requests need no tenant, separated by"
        " commas.",
    )
    tenant_optional: bool = Field(
        default=False,
        description="Requests that name no tenant are served without one.",
    )
    refused_status: int = Field(
        default=404,
        ge=400,
        le=499,
        description="The HTTP status for a tenant that is unknown, malformed or not active.",
    )
    cache_size: Count = Field(
        default=10_000, description="Tenants the application remembers, to not ask for them again."
    )
    cache_ttl_s: Seconds = Field(
        default=60,
        description="Seconds a tenant is remembered; 0 asks for it anew with every request.",
    )
