"""The host a request was sent to, as DNS and the catalogue have it."""

from __future__ import annotations

from fastapi_tenancy.errors import InvalidNameError, TenantRefusedError
from fastapi_tenancy.resolving.headers import the_header
from fastapi_tenancy.resolving.key import Scope
from fastapi_tenancy.storage.names import check_host


def request_host(scope: Scope, *, forwarded: bool) -> str | None:
    """The host in lower case, without port and final dot; None where the request names none.

    Args:
        forwarded: believe ``X-Forwarded-Host`` where it is there; only a proxy that always sets
            it, and never adds to one that came from outside, makes that safe.

    Raises:
        TenantRefusedError: a header came twice, or holds no host.
    """
    value = the_header(scope, b"x-forwarded-host") if forwarded else None
    if value is None:
        value = the_header(scope, b"host")
    return _host(value) if value else None


def _host(value: str) -> str:
    name, _, port = value.lower().partition(":")
    if port and not (port.isascii() and port.isdigit()):  # RFC 3986 allows an empty one
        raise TenantRefusedError(f"the request's host {value[:300]!r} is no host and port")
    try:
        return check_host(_ascii(name.removesuffix(".")))
    except (InvalidNameError, UnicodeError):
        raise TenantRefusedError(f"the request's host {value[:300]!r} is no name of DNS") from None


def _ascii(name: str) -> str:
    return name if name.isascii() else name.encode("idna").decode("ascii")
