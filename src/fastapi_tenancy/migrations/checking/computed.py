"""Columns that the database computes: Alembic compares them, and only warns."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi_tenancy.migrations.checking.finding import Finding, Subject

_WARNED = re.compile(r"Computed default on (?P<table>.+)\.(?P<column>.+) cannot be modified")


@contextmanager
def computed_columns(where: str) -> Iterator[list[Finding]]:
    """Yield a list that holds the columns computed in another way, at the end of the block.

    All other warnings are given as they came.
    """
    found: dict[str, Finding] = {}
    told: list[Finding] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", _WARNED.pattern, UserWarning)
        yield told
    for warning in caught:
        known = _WARNED.fullmatch(str(warning.message))
        if known is None:
            place = warning.filename, warning.lineno
            warnings.warn_explicit(warning.message, warning.category, *place)
        else:
            found[known[0]] = _finding(known["table"], known["column"], where)
    told += found.values()


def _finding(table: str, column: str, where: str) -> Finding:
    return Finding(
        subject=Subject.MODELS,
        where=where,
        table=table,
        found=f"column {column} is computed in another way than in the models",
        do="drop the column and add it anew, in a revision: Alembic does not alter it",
    )
