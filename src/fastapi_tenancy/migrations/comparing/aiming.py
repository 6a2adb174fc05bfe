"""Aims a comparison of the models at a place, whatever env.py connects to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, MetaData, Table

import fastapi_tenancy.migrations.rls  # noqa: F401 - autogenerate compares policies too
from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.history.aimed import Aim, Options, Translate
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.migrations.comparing.placeholders import without_placeholders
from fastapi_tenancy.migrations.env.connecting import connected
from fastapi_tenancy.migrations.env.placing import Place, catalogue_tables
from fastapi_tenancy.migrations.env.settling import included_of, own_tables
from fastapi_tenancy.migrations.rls.marking import OPTION, marking_of
from fastapi_tenancy.model.target import Target

Ours = Callable[[str | None], bool]
"""Whether the tables of a schema are compared; None for tables that name no schema."""


def everything(_schema: str | None) -> bool:
    """Every table of the models is compared."""
    return True


@dataclass(slots=True)
class Aiming:
    """A place that is compared with; once env.py was ``asked``, its models and its options.

    ``others`` are tables in it that other tracks make, ``heads`` where it stands, if that is not
    at all heads of the scripts.
    """

    config: TenancyConfig
    place: Place
    connection: Connection
    ours: Ours
    others: frozenset[str] = frozenset()
    heads: tuple[str, ...] | None = None
    metadata: list[MetaData] = field(default_factory=list)
    asked: bool = False
    options: Options = field(default_factory=dict)

    def aim(self) -> Aim:
        """What env.py's comparison is aimed with."""
        return Aim(self.connection, self._settled, of_branch=self.heads is not None)

    def _settled(self, options: Options, translate: Translate) -> Options:
        given = dict(options)
        models = without_placeholders(given.get("target_metadata"), translate, self.place.schema)
        self.metadata, self.asked = _listed(models), True
        given["target_metadata"] = models
        if self.place.schema:
            given["version_table_schema"] = self.place.schema
        if self._is_named():
            given |= self._by_name(given)
        own = own_tables(self.place, given, self.connection) if self.place.schema else None
        hidden = catalogue_tables(self.place, self.config)
        given["include_name"] = self._named(included_of(given, own, hidden))
        given["include_object"] = self._among_ours(given.get("include_object"))
        given[OPTION] = marking_of(self.config)
        self.options = given
        return given

    def compared_tables(self) -> Iterator[Table]:
        """The models whose columns and their types are compared with what is there."""
        if self.options.get("compare_type", True) is False:
            return
        included = self.options.get("include_object")
        for table in (table for each in self.metadata for table in each.tables.values()):
            if included is None or included(table, table.name, "table", False, None):
                yield table

    def _is_named(self) -> bool:
        """True where the models name the schema itself, as those of shared tables may."""
        tables = (table for each in self.metadata for table in each.tables.values())
        return bool(self.place.schema) and any(t.schema == self.place.schema for t in tables)

    def _by_name(self, given: Options) -> Options:
        """Compare the tables of the schema under its name, and no others."""
        self.ours = lambda schema: schema == self.place.schema
        # The schema that needs no name is never looked into: any other will do.
        self.connection.dialect.default_schema_name = "public"
        return {**given, "include_schemas": True}

    def _named(self, included: Callable[..., bool]) -> Callable[..., bool]:
        def named(name: str | None, kind: str, parents: Mapping[str, str | None]) -> bool:
            if kind == "table" and self._is_others(name, parents.get("schema_name")):
                return False
            return (kind != "schema" or self.ours(name)) and included(name, kind, parents)

        return named

    def _among_ours(self, users: Callable[..., bool] | None) -> Callable[..., bool]:
        def included(item: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
            if kind == "table" and not reflected and self._is_left_out(item):
                return False
            return users is None or users(item, name, kind, reflected, other)

        return included

    def _is_left_out(self, table: Table) -> bool:
        return not self.ours(table.schema) or self._is_others(table.name, table.schema)

    def _is_others(self, table: str | None, schema: str | None) -> bool:
        """True for a table of another track that is made in the same place."""
        return table in self.others and schema in (None, self.place.schema)


@contextmanager
def aimed(
    config: TenancyConfig,
    isolation: IsolationProvider,
    target: Target,
    ours: Ours = everything,
    others: frozenset[str] = frozenset(),
) -> Iterator[Aiming]:
    """Yield the place of a target, connected to.

    Args:
        ours: leaves out the schemas of other tracks.
        others: tables of other tracks in this place; they are left out too.

    Raises:
        ServerUnreachableError: the server did not take the connection.
        ConfigurationError: the place is not there.
    """
    path = isolation.search_path(target) if target.schema else ""
    place = Place(target.address, target.schema, path, target)
    with connected(place, config.connect_timeout_s) as connection:
        yield Aiming(config, place, connection, ours, others)


def _listed(metadata: Any) -> list[MetaData]:
    if metadata is None:
        return []
    return list(metadata) if isinstance(metadata, (list, tuple)) else [metadata]
