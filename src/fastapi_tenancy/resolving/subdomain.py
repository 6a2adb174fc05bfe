"""The tenant's identifier as the first label of the host."""

from __future__ import annotations

from fastapi_tenancy.errors import TenantRefusedError
from fastapi_tenancy.resolving.hosts import request_host
from fastapi_tenancy.resolving.key import Scope, TenantKey


class SubdomainResolver:
    """Reads the identifier ``acme`` from ``acme.example.com``.

    Args:
        suffix: what follows the identifier, such as ``example.com``.
    """

    def __init__(self, suffix: str, *, forwarded: bool = False) -> None:
        self._suffix = suffix
        self._forwarded = forwarded

    def __call__(self, scope: Scope) -> TenantKey | None:
        """The identifier, or None where the host is the suffix itself, or not there.

        Raises:
            TenantRefusedError: a header came twice, or the host is not one label and the suffix.
        """
        host = request_host(scope, forwarded=self._forwarded)
        if host is None or host == self._suffix:
            return None
        label = host.removesuffix(f".{self._suffix}")
        if label == host or "." in label:
            raise TenantRefusedError(f"the host {host!r} is not one name before {self._suffix!r}")
        return TenantKey("identifier", _letters(label))


def _letters(label: str) -> str:
    """The label as people write it: ``xn--bcher-kva`` is ``bücher``."""
    try:
        return label.encode("ascii").decode("idna")
    except UnicodeError:
        raise TenantRefusedError(f"the label {label!r} stands for no name") from None
