"""Which kind of place a target is, and how places of that kind are read."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.drift.leaving_out import LeftOut
from fastapi_tenancy.drift.place import Way
from fastapi_tenancy.drift.values import Kind
from fastapi_tenancy.history.environment import read_environment
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.isolation.homes import Homes
from fastapi_tenancy.migrations.env.placing import Place, catalogue_tables
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import IsolationStrategy


class Kinds:
    """Tells the kinds of targets apart."""

    def __init__(self, config: TenancyConfig) -> None:
        self._homes = {home.place for home in Homes(config)}

    def __call__(self, target: Target) -> Kind:
        """The kind of a target; a database that others live in too is read in one schema only."""
        if target.is_file:
            return Kind.FILE
        if target.schema:
            return Kind.SCHEMA
        own = target.strategy is IsolationStrategy.DATABASE and target.database not in self._homes
        return Kind.DATABASE if own else Kind.SHARED


def ways_of(
    history: History,
    config: TenancyConfig,
    kinds: Kinds,
    targets: Iterable[Target],
    extra: tuple[str, ...],
) -> dict[Kind, Way]:
    """How the targets are read, kind by kind; env.py says where their version tables are.

    Raises:
        ScriptError: env.py failed.
        ConfigurationError: its version tables cannot be found.
    """
    samples: dict[Kind, list[Target]] = {}
    ours: dict[Kind, frozenset[str]] = {}
    for target in targets:
        kind = kinds(target)
        if len(samples.setdefault(kind, [])) < 2:
            samples[kind].append(target)
        if target.home[1] in ("", "public") and kind not in ours:
            tables = catalogue_tables(Place(target.address, target.schema, "", target), config)
            ours |= {kind: tables} if tables else {}
    ways = {}
    for kind, some in samples.items():
        found = read_environment(history, tuple(some), extra)
        left_out = LeftOut(frozenset((found.version_table, *ours.get(kind, ()))))
        ways[kind] = Way(
            kind, left_out, found.version_table, found.version_schema, config.connect_timeout_s
        )
    return ways
