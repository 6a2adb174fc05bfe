"""Models that name a stand-in for the tenant's schema, which env.py's connection translates."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import BLANK_SCHEMA, ForeignKeyConstraint, MetaData, Table


def without_placeholders(
    metadata: Any, translate: Mapping[str | None, str | None], schema: str
) -> Any:
    """The models, with the tables of each stand-in for ``schema`` as if they had named none.

    Args:
        metadata: what env.py gives: one, several or none.
        translate: the ``schema_translate_map`` of its connection.
    """
    stand_ins = {name for name, meant in translate.items() if name and meant == schema}
    if not stand_ins or metadata is None:
        return metadata
    if isinstance(metadata, (list, tuple)):
        return [_copied(each, stand_ins) for each in metadata]
    return _copied(metadata, stand_ins)


def _copied(metadata: MetaData, stand_ins: Collection[str]) -> MetaData:
    copy = MetaData(naming_convention=metadata.naming_convention, info=metadata.info)

    def referred(
        _table: Table, _to: str | None, _key: ForeignKeyConstraint, schema: str | None
    ) -> Any:
        return BLANK_SCHEMA if schema in stand_ins else schema

    for table in metadata.tables.values():
        schema: Any = None if table.schema in stand_ins else table.schema
        table.to_metadata(copy, schema=schema, referred_schema_fn=referred)
    return copy
