"""Which ids, identifiers, hosts and names of places a catalogue takes in."""

from __future__ import annotations

import re

from fastapi_tenancy.errors import InvalidNameError
from fastapi_tenancy.isolation.names import tenant_schema
from fastapi_tenancy.model.tenant import Tenant

MAX_LENGTH = 255

_HOST = re.compile(
    r"(?!.{254})[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*"
)


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


def check_host(host: str) -> str:
    """Return ``host`` if requests can come in by it: as DNS has it, in lower case (RFC 1123).

    An underscore is taken too, which browsers send.

    Raises:
        InvalidNameError: another text; shows the host that is meant where it can be told.
    """
    if _HOST.fullmatch(host):
        return host
    meant = _meant(host)
    advice = f"; write {meant!r}" if meant else ", such as acme.example.com"
    raise InvalidNameError(
        f"the host {host[:MAX_LENGTH]!r} is not one a request can name: expected a name in lower"
        f" case, without scheme, port or path{advice}"
    )


def _meant(text: str) -> str | None:
    """The host in a URL, or with capital letters, a port, a final dot or letters of any script."""
    bare = re.sub(r"^[a-z]+://|[:/].*$", "", text.strip().lower()).rstrip(".")
    try:
        plain = bare.encode("idna").decode("ascii")
        # Of letters that have become others, such as ß, browsers make something else.
        same = plain.encode("ascii").decode("idna") == bare
    except UnicodeError:
        return None
    return plain if same and _HOST.fullmatch(plain) else None


def check_tenant(tenant: Tenant) -> Tenant:
    """Return ``tenant`` if a catalogue can keep it.

    Raises:
        InvalidNameError: its id, identifier, host, shard or schema name cannot be used.
    """
    check_name(tenant.id, "id")
    check_name(tenant.identifier, "identifier")
    if tenant.host is not None:
        check_host(tenant.host)
    if tenant.shard is not None:
        check_name(tenant.shard, "shard")
    if tenant.schema_name is not None:
        tenant_schema(tenant.schema_name)
    return tenant
