"""Version tables: one in each tenant's place, with revisions that the scripts know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from fastapi_tenancy.cli.checking.finding import Finding, Named, action, fine, note
from fastapi_tenancy.model.target import Position, PositionState

CHECK = "version tables"


@dataclass(slots=True)
class Versions:
    """What was found in the places of the tenants."""

    known: frozenset[str]
    heads: tuple[str, ...]
    missing: Named = field(default_factory=Named)
    empty: Named = field(default_factory=Named)
    unversioned: Named = field(default_factory=Named)
    half_done: Named = field(default_factory=Named)
    unreadable: dict[str, Named] = field(default_factory=dict)
    unknown: dict[str, Named] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    common: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Version tables in schemas that every tenant sees, and what they hold."""

    def see(self, name: str, position: Position, tables: int) -> None:
        """Take note of a place, in which there are so many tables beside the version table."""
        self.counts["places"] += 1
        if position.problem:
            self.unreadable.setdefault(position.problem, Named()).add(name)
        elif position.state is PositionState.MISSING:
            self.missing.add(name)
        elif position.state is PositionState.UNVERSIONED:
            (self.unversioned if tables else self.empty).add(name)
        else:
            self.counts["at head" if position.heads == self.heads else "elsewhere"] += 1
            for revision in set(position.heads) - self.known:
                self.unknown.setdefault(revision, Named()).add(name)
        if position.half_done:
            self.half_done.add(name)

    def told(self) -> Iterator[Finding]:
        """What was found."""
        yield from self._wrong()
        yield from self._common()
        if self.missing:
            yield note(
                CHECK, f"the places of {self.missing} do not exist", "`tenancy upgrade --create`"
            )
        if self.empty:
            yield note(CHECK, f"{self.empty}: nothing there yet", "`tenancy upgrade`")
        if self.counts["places"] and not (self.unknown or self.unreadable or self.unversioned):
            there, places = self.counts["at head"], self.counts["places"]
            yield fine(
                CHECK, f"{there:,} of {places:,} {'is' if places == 1 else 'are'} at the head"
            )

    def _wrong(self) -> Iterator[Finding]:
        if self.unversioned:
            yield action(
                CHECK,
                f"{self.unversioned}: tables, but no version table",
                "say where they stand: `tenancy stamp REVISION --tenant IDENTIFIER`",
            )
        for revision, named in self.unknown.items():
            yield action(
                CHECK,
                f"{named}: at {revision}, which the scripts do not know",
                "bring the file of that revision back (another branch?), or stamp these tenants",
            )
        for problem, named in self.unreadable.items():
            yield action(CHECK, f"{named}: {problem}")
        if self.half_done:
            yield action(
                CHECK,
                f"{self.half_done}: an interrupted run left a revision half done",
                "run the same command again; it goes on where that one stopped",
            )

    def _common(self) -> Iterator[Finding]:
        for schema, heads in self.common.items():
            stands = ", ".join(heads) or "no revision"
            found = f"a version table in {schema!r} ({stands}), while tenants have schemas"
            if self.unversioned:
                yield action(
                    CHECK,
                    f"{found}; those without one of their own may all have been migrated by it",
                    "stamp each tenant, then drop it: the state of a fleet is no single row",
                )
            else:
                yield note(
                    CHECK,
                    found,
                    "an env.py without version_table_schema takes it for that of a new tenant; drop"
                    " it unless something in that schema is migrated by Alembic",
                )
