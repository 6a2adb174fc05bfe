"""What a catalogue has to be able to do for an application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.resolving.key import By
from fastapi_tenancy.storage.protocol import TenantStore

Lookup: TypeAlias = Callable[[str], Awaitable[Tenant | None]]
"""Finds a tenant or raises ``TenantNotFoundError``; None, as people write it, means the same."""
_METHODS: Mapping[By, str] = {"identifier": "get_by_identifier", "host": "get_by_host"}


def usable(store: TenantStore) -> TenantStore:
    """Return a catalogue if it can be initialized.

    Raises:
        ConfigurationError: it is a class and no catalogue, or cannot be initialized.
    """
    if isinstance(store, type):
        raise ConfigurationError(
            f"store is the class {store.__name__}; expected a catalogue made of it:"
            f" {store.__name__}(...)"
        )
    _method(store, "initialize", "an application")
    return store


def lookup(store: TenantStore, by: By) -> Lookup:
    """The method of a catalogue that finds a tenant by this.

    Raises:
        ConfigurationError: it has no such method.
    """
    found: Lookup = _method(store, _METHODS[by], f"finding a tenant by its {by}")
    return found


def _method(store: TenantStore, name: str, use: str) -> Any:
    found = getattr(store, name, None)
    if not callable(found):
        raise ConfigurationError(
            f"the store {type(store).__name__} has no method {name}(), which {use} needs; the"
            " methods of a catalogue are those of TenantStore"
        )
    return found
