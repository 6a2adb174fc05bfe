"""Settings: how the application finds out whose request it has."""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from fastapi_tenancy.config.secrets import Secret
from fastapi_tenancy.config.values import Count, Names, Seconds

Algorithm = Literal[
    "HS256", "HS384", "HS512",
    "RS256", "RS384", "RS512",
    "PS256", "PS384", "PS512",
    "ES256", "ES384", "ES512",
    "EdDSA",
]  # fmt: skip


class ResolutionStrategy(StrEnum):
    """Where a request names its tenant."""

    HEADER = "header"
    HOST = "host"
    SUBDOMAIN = "subdomain"
    PATH = "path"
    JWT = "jwt"


_NEEDS = {
    ResolutionStrategy.SUBDOMAIN: ("domain_suffix",),
    ResolutionStrategy.JWT: ("jwt_key", "jwt_algorithm", "jwt_audience"),
}


def _paths(paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_path(path) or "/" for path in paths)


def _path(path: str) -> str:
    if not path.startswith("/"):
        raise PydanticCustomError("path", "expected a path that begins with /, such as /t")
    return path.rstrip("/")


def _status(status: int) -> int:
    if status not in {known.value for known in HTTPStatus if 400 <= known < 500}:
        raise PydanticCustomError("status", "expected the HTTP status of a client error, as 404")
    return status


def _suffix(suffix: str) -> str:
    return suffix.strip().strip(".").lower()


class ResolutionSettings(BaseModel):
    """Where requests name their tenant, who is served, and what is remembered of it."""

    resolution_strategy: ResolutionStrategy = Field(
        default=ResolutionStrategy.HEADER,
        description="Where a request names its tenant: header, host, subdomain, path or jwt.",
    )
    tenant_header_name: str = Field(
        default="X-Tenant-ID",
        pattern=r"\A[A-Za-z0-9!#$%&'*+.^_`~-]+\z",
        description="Of header: the header that holds the identifier.",
    )
    trust_forwarded_host: bool = Field(
        default=False,
        description="Of host and subdomain: believe X-Forwarded-Host, which a proxy has to set.",
    )
    domain_suffix: Annotated[str, AfterValidator(_suffix)] | None = Field(
        default=None,
        pattern=r"\A\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.?\z",
        description="Of subdomain: what follows the identifier in the host, such as example.com.",
    )
    path_prefix: Annotated[str, AfterValidator(_path)] = Field(
        default="/t",
        description="Of path: what stands before the identifier in the path; / for nothing.",
    )
    jwt_key: Secret | None = Field(
        default=None,
        description="Of jwt: the secret of an HS algorithm or the public key (PEM) of another;"
        " env:NAME or file:PATH says where it is instead.",
    )
    jwt_algorithm: Algorithm | None = Field(
        default=None,
        description="Of jwt: the one algorithm that tokens may be signed by, such as RS256.",
    )
    jwt_audience: str | None = Field(
        default=None, min_length=1, description="Of jwt: whom tokens have to be for (aud)."
    )
    jwt_issuer: str | None = Field(
        default=None,
        min_length=1,
        description="Of jwt: who has to have issued them (iss); not looked at where not set.",
    )
    jwt_tenant_claim: str = Field(
        default="tenant", min_length=1, description="Of jwt: the claim that holds the identifier."
    )
    jwt_leeway_s: Seconds = Field(
        default=0, description="Of jwt: seconds that the clocks may differ."
    )
    paths_without_tenant: Annotated[Names, AfterValidator(_paths)] = Field(
        default=(
            "/docs",
            "/redoc",
            "/openapi.json",
            "/health",
            "/healthz",
            "/livez",
            "/ready",
            "/readyz",
            "/metrics",
            "/favicon.ico",
            "/admin",
        ),
        description="Paths, with all below them, whose requests need no tenant, separated by"
        " commas; / is that page alone.",
    )
    tenant_optional: bool = Field(
        default=False,
        description="Requests that name no tenant are served without one.",
    )
    refused_status: Annotated[int, AfterValidator(_status)] = Field(
        default=404,
        description="The HTTP status for a tenant that is unknown, malformed or not active.",
    )
    cache_size: Count = Field(
        default=10_000, description="Tenants the application remembers, to not ask for them again."
    )
    cache_ttl_s: Seconds = Field(
        default=60,
        description="Seconds a tenant is remembered; 0 asks for it anew with every request.",
    )

    @model_validator(mode="after")
    def _strategy_has_what_it_needs(self) -> ResolutionSettings:
        needed = _NEEDS.get(self.resolution_strategy, ())
        missing = [name for name in needed if getattr(self, name) is None]
        if missing:
            raise PydanticCustomError(
                "resolution",
                "resolution_strategy is '{strategy}', which needs {missing} to be set",
                {"strategy": self.resolution_strategy.value, "missing": " and ".join(missing)},
            )
        return self
