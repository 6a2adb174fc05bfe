"""Leaves out of a structure what is not a matter of its track: version tables, other tracks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from fastapi_tenancy.observe.structure import Structure

Key = tuple[str, str]
_ON = re.compile(r' ON (?:ONLY )?("(?:[^"]|"")+"|\S+) USING ')
_OF_TABLES = ("col", "con", "trg", "pol", "fk")
"""Kinds whose names begin with that of their table."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Relations, with everything that belongs to them, and single objects besides."""

    relations: frozenset[str] = frozenset()
    objects: frozenset[Key] = frozenset()

    def of(self, structure: Structure) -> Structure:
        """What is left of a structure."""
        return {
            key: definition
            for key, definition in structure.items()
            if key not in self.objects and not self._belongs(key, definition)
        }

    def _belongs(self, key: Key, definition: str) -> bool:
        kind, name = key
        if kind == "rel":
            return name in self.relations
        if kind in _OF_TABLES:
            parts = name.split(".")
            return any(".".join(parts[:end]) in self.relations for end in range(1, len(parts)))
        if kind == "idx":
            return _table(name, definition) in self.relations
        if kind == "seq":
            return definition.rpartition("|")[2].rpartition(".")[0] in self.relations
        return False

    def without(self, other: Iterable[Key]) -> LeftOut:
        """The same, but for what ``other`` has too."""
        keys = set(other)
        names = {name for kind, name in keys if kind == "rel"}
        return LeftOut(self.relations - names, self.objects - keys)


def _table(name: str, definition: str) -> str:
    """The table of an index: that of its definition, or of its name in a file."""
    found = _ON.search(definition)
    if found is None:
        return name.partition(".")[0]
    table = found[1]
    return table[1:-1].replace('""', '"') if table.startswith('"') else table


def everything_in(structure: Structure) -> LeftOut:
    """Leaves out all that a structure has."""
    relations = frozenset(name for kind, name in structure if kind == "rel")
    return LeftOut(relations, frozenset(structure))


def together(parts: Iterable[LeftOut]) -> LeftOut:
    """Leaves out what any of them does."""
    relations: set[str] = set()
    objects: set[Key] = set()
    for part in parts:
        relations |= part.relations
        objects |= part.objects
    return LeftOut(frozenset(relations), frozenset(objects))
