"""Which ids, identifiers and schema names a catalogue takes in."""

from __future__ import annotations

from fastapi_tenancy.errors import InvalidNameError
from fastapi_tenancy.isolation.names import tenant_schema
from fastapi_tenancy.model.tenant import Tenant

MAX_LENGTH = 255


def check_name(value: str, what: str) -> str:
    """Return ``value`` if it can name a tenant.

    Identifiers of catalogues that exist already must fit, so that domains, e-mail addresses,
    numbers, words with spaces and letters of every script are all taken: 1 to 255 printable
    characters, none of them a control character, no blank at either end.

    Raises:
        InvalidNameError: ``what`` (e.g. ``identifier``) cannot be used, and why.
    """
    if not value:
        raise InvalidNameError(
            f"the {what} of a tenant is empty; expected a name such as acme-corp"
        )
    if len(value) > MAX_LENGTH:
        raise InvalidNameError(
            f"the {what} {value[:40]!r}... has {len(value)} characters; at most {MAX_LENGTH}"
            " are taken"
        )
    if not value.isprintable():
        bad = next(c for c in value if not c.isprintable())
        raise InvalidNameError(
            f"the {what} {value!r} holds the character U+{ord(bad):04X}, which cannot be printed;"
            " leave it out"
        )
    if value != value.strip():
        raise InvalidNameError(f"the {what} {value!r} begins or ends with a blank; leave it out")
    return value


def check_tenant(tenant: Tenant) -> Tenant:
    """Return ``tenant`` if a catalogue can keep it.

    Raises:
        InvalidNameError: its id, identifier or schema name cannot be used.
    """
    check_name(tenant.id, "id")
    check_name(tenant.identifier, "identifier")
    if tenant.schema_name is not None:
        tenant_schema(tenant.schema_name)
    return tenant
