"""Which status an error has, and what is said with it."""

from __future__ import annotations

from fastapi import Response

from fastapi_tenancy.errors import (
    BudgetError,
    CatalogueUnavailableError,
    ConfigurationError,
    ProvisioningError,
    ServerUnreachableError,
    TenancyError,
    TenantDeletedError,
    TenantNotFoundError,
)
from fastapi_tenancy.model.url import masked
from fastapi_tenancy.web.admin.documents.problem import problem
from fastapi_tenancy.web.admin.runs.registry import TooManyRunsError

RETRY_AFTER_S = 5
_LATER = (ServerUnreachableError, BudgetError, CatalogueUnavailableError, TooManyRunsError)


class NoSuchRunError(TenancyError):
    """This process knows no run of that id."""


class BusyError(TenancyError):
    """Another run is not over, and ``path`` is its address."""

    def __init__(self, reason: str, path: str) -> None:
        self.path = path
        super().__init__(reason)


def refusal(error: TenancyError) -> Response:
    """The problem that an error is."""
    detail = masked(_told(error))
    if isinstance(error, BusyError):
        return problem(409, detail, {"location": error.path}, run=error.path)
    status = _status(error)
    headers = {"retry-after": str(RETRY_AFTER_S)} if status == 503 else None
    return problem(status, detail, headers)


def _status(error: BaseException | None) -> int:
    if isinstance(error, _LATER):
        return 503
    if isinstance(error, (TenantNotFoundError, NoSuchRunError)):
        return 404
    if isinstance(error, ProvisioningError):
        return _status(error.__cause__)
    # The request is well-formed, and these settings, scripts and tenants do not allow it.
    return 409 if isinstance(error, ConfigurationError) else 500


def _told(error: TenancyError) -> str:
    """What it says; those that name commands say it again for programs."""
    if isinstance(error, TenantDeletedError):
        return f"the tenant {error.wanted!r} is marked deleted"
    if isinstance(error, TenantNotFoundError):
        return f"no tenant {error.wanted!r} in the catalogue"
    return str(error)
