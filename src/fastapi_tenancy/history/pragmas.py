"""What an SQLite connection was told that changes what statements mean, and is not in the file."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any

NAMES = (
    "foreign_keys",
    "ignore_check_constraints",
    "legacy_alter_table",
    "recursive_triggers",
    "reverse_unordered_selects",
    "trusted_schema",
    "writable_schema",
)
"""https://www.sqlite.org/pragma.html; those that make a statement faster or safer are left out."""


def read_pragmas(connection: Any) -> dict[str, int]:
    """The values in a DB-API connection, of any driver, that begins no transaction for it."""
    found = {}
    with closing(connection.cursor()) as cursor:
        for name in NAMES:
            cursor.execute(f"PRAGMA {name}")
            row = cursor.fetchone()
            if row is not None:  # this SQLite knows it
                found[name] = int(row[0])
    return found


def tell_pragmas(connection: Any, values: Mapping[str, int]) -> None:
    """Give a connection these values; outside of a transaction, where some have no effect."""
    with closing(connection.cursor()) as cursor:
        for name, value in values.items():
            cursor.execute(f"PRAGMA {name} = {value}")
