"""Tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from fastapi_tenancy.cli.words import visible
from fastapi_tenancy.model.plan import Road, Step

ROADS = {Road.REPLAY: "green", Road.PER_TENANT: "cyan", Road.LIVE: "yellow", Road.ENV: "magenta"}


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A plain table; columns of numbers to the right."""
    kept = [tuple(row) for row in rows]
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for number, name in enumerate(columns):
        numeric = bool(kept) and all(isinstance(row[number], int) for row in kept)
        made.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in kept:
        made.add_row(*(cell if isinstance(cell, Text) else _cell(cell) for cell in row))
    return made


def _cell(value: object) -> Text:
    return Text(visible(str(value), lines=False))


def steps_table(steps: Iterable[Step]) -> Table:
    """Revisions with their roads and why."""
    return table(
        ("revision", "road", "why", "what"),
        ((s.move.revision, Text(s.road.value, ROADS[s.road]), s.reason, s.move.doc) for s in steps),
    )
