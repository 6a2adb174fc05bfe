"""Takes the arguments of the managers; those of a wrong type are refused in words."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.tenant import Tenant, TenantStatus


def statuses_of(given: Iterable[TenantStatus | str] | None) -> frozenset[TenantStatus] | None:
    """The statuses asked for; each may be named by its value.

    Raises:
        ConfigurationError: one that does not exist, or no list of them.
    """
    if given is None:
        return None
    # A status is a text, and a text is iterable: letter by letter it would be nobody's status.
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ConfigurationError(
            f"statuses is {given!r}; expected a list of them, such as [TenantStatus.ACTIVE]."
            " Nothing was changed"
        )
    return frozenset(_status(one) for one in given)


def _status(given: TenantStatus | str) -> TenantStatus:
    try:
        return TenantStatus(given)
    except ValueError:
        known = ", ".join(repr(status.value) for status in TenantStatus)
        raise ConfigurationError(
            f"statuses holds {given!r}; expected of {known}. Nothing was changed"
        ) from None


def tenants_of(given: Iterable[Tenant]) -> list[Tenant]:
    """The tenants given.

    Raises:
        ConfigurationError: something else was.
    """
    if not isinstance(given, Iterable):
        raise ConfigurationError(
            f"tenants is {_shown(given)}; expected a list of Tenant objects. Nothing was changed"
        )
    tenants = list(given)
    for one in tenants:
        require_tenant(one)
    return tenants


def require_tenant(given: object) -> None:
    """Refuse what is no tenant.

    Raises:
        ConfigurationError: it is something else, such as an identifier.
    """
    if not isinstance(given, Tenant):
        raise ConfigurationError(
            f"expected a Tenant, got {_shown(given)}; a catalogue gives the tenant of a name by"
            " `await store.get_by_identifier(...)`. Nothing was changed"
        )


def _shown(given: object) -> str:
    # A Tenant shows its URL in repr().
    return repr(given) if isinstance(given, (str, int, type(None))) else type(given).__name__
