"""Structure fingerprints: what two equal schemas may differ in is left out.

Compared are relations, columns with types, defaults, nullability, collation, identity and
generation, constraints with validity, indexes with validity, sequences, enums in order,
domains, views, functions, triggers, policies and row-level security flags. Left out are the
schema's own name, oids, column numbers and ``attoptions`` (PostgreSQL 15.20 writes
``pg_attver`` there at each ALTER TABLE).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence

import psycopg
from psycopg import errors

from fastapi_tenancy.isolation.names import quote
from fastapi_tenancy.model.chunks import chunked
from fastapi_tenancy.observe.catalogue import OBJECTS, SETTINGS
from fastapi_tenancy.observe.locks import locked_schemas

CHUNK = 100
"""Schemas per statement: pg_get_indexdef and its kin lock what they describe."""

WAIT_MS = 1500
"""How long a lock is waited for: one tenant's lock must not hold up the fleet."""
ATTEMPTS = 4

Structure = dict[tuple[str, str], str]
"""Catalogue objects by kind and name, each with its definition, free of the schema's name."""


def read_structures(
    connection: psycopg.Connection, schemas: Sequence[str], locked: set[str] | None = None
) -> Iterator[tuple[str, Structure]]:
    """Yield each existing schema with its objects; chunked, so that locks stay bounded.

    Args:
        locked: takes the schemas of which somebody keeps an object locked; they are left out.

    Raises:
        psycopg.errors.LockNotAvailable: there is such a schema, and ``locked`` was not given.
    """
    for chunk in chunked(schemas, CHUNK):
        yield from _unlocked(connection, chunk, locked).items()


def _unlocked(
    connection: psycopg.Connection, schemas: Sequence[str], locked: set[str] | None
) -> dict[str, Structure]:
    for _ in range(ATTEMPTS):
        try:
            return _read(connection, schemas)
        except errors.LockNotAvailable:
            if locked is None:
                raise
            locked |= locked_schemas(connection, schemas)
            schemas = [s for s in schemas if s not in locked]
    if locked is not None:
        locked |= set(schemas)
    return {}


def _read(connection: psycopg.Connection, schemas: Sequence[str]) -> dict[str, Structure]:
    # Rolled back, so that the settings are gone where this is a part of another transaction.
    with connection.transaction(force_rollback=True):
        connection.execute("; ".join((*SETTINGS, f"SET LOCAL lock_timeout = {WAIT_MS}")).encode())
        rows = connection.execute(
            "SELECT oid, nspname FROM pg_namespace WHERE nspname = ANY(%s)", [list(schemas)]
        )
        names = {int(oid): str(name) for oid, name in rows}
        found: dict[str, Structure] = {name: {} for name in names.values()}
        for oid, kind, name, definition in connection.execute(OBJECTS, {"oids": list(names)}):
            schema = names[oid]
            found[schema][(kind, _neutral(name, schema))] = _neutral(definition, schema)
    return found


def fingerprint(structure: Structure) -> str:
    """A hash of the objects, the same for equal structures in schemas of any name."""
    digest = hashlib.blake2b(digest_size=16)
    for (kind, name), definition in sorted(structure.items()):
        digest.update(f"{kind}\x00{name}\x00{definition}\x01".encode())
    return digest.hexdigest()


def read_fingerprints(
    connection: psycopg.Connection, schemas: Sequence[str], locked: set[str] | None = None
) -> dict[str, str]:
    """The fingerprint of each existing schema; ``locked`` and errors as for the structures."""
    found = read_structures(connection, schemas, locked)
    return {schema: fingerprint(structure) for schema, structure in found}


def told_difference(before: Structure, after: Structure, limit: int = 5) -> str:
    """Name the objects that one structure has and the other lacks, or has otherwise."""
    words = {"rel": "relation", "col": "column", "idx": "index", "con": "constraint"}
    words |= {"seq": "sequence", "typ": "type", "fun": "function", "trg": "trigger"}
    words |= {"pol": "policy", "ext": "extension"}
    parts = []
    for label, keys in (
        ("added", sorted(after.keys() - before.keys())),
        ("missing", sorted(before.keys() - after.keys())),
        ("changed", sorted(k for k in before.keys() & after.keys() if before[k] != after[k])),
    ):
        named = _limited((f"{words.get(kind, kind)} {name}" for kind, name in keys), limit)
        if named:
            parts.append(f"{label}: {named}")
    return "; ".join(parts) or "nothing"


def _limited(names: Iterable[str], limit: int) -> str:
    listed = list(names)
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + more


def _neutral(definition: str | None, schema: str) -> str:
    """Take the schema's own name out of a definition, or out of a function's arguments."""
    if not definition:
        return ""
    text = definition
    if not schema.isidentifier():
        # Inside of a string literal, such as the argument of nextval(), quotes are doubled.
        doubled = quote(schema).replace("'", "''") + "."
        text = text.replace("E'" + doubled.replace("\\", "\\\\"), "'").replace(doubled, "")
    elif schema not in text:
        return text
    text = text.replace(quote(schema) + ".", "")
    return re.sub(rf"(?<![\w$\".]){re.escape(schema)}\.", "", text)
