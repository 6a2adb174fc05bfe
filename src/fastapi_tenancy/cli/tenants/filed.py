"""Reads a file of tenants, CSV or JSON: which values it gives, and where they stand in it."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any

from fastapi_tenancy.cli.words import in_words
from fastapi_tenancy.errors import ConfigurationError

KEYS = (
    "identifier",
    "id",
    "name",
    "status",
    "schema_name",
    "database_url",
    "isolation_strategy",
    "host",
    "shard",
    "tags",
    "created_at",
    "updated_at",
)
TAG = "tag."
"""A column of this and a name is one tag."""


class Form(StrEnum):
    """What a file of tenants is written in."""

    CSV = "csv"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Entry:
    """One tenant of a file: the values it gives, empty ones left out, and where it stands."""

    place: str
    values: dict[str, Any]


def read_entries(file: str, form: Form | None) -> list[Entry]:
    """The tenants of a file; ``-`` is stdin.

    Raises:
        ConfigurationError: it cannot be read; says why, and where.
    """
    form = form or _form_of(file)
    shown = "stdin" if file == "-" else file
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{shown} cannot be read: {error.strerror}") from error
    text = _decoded(data, shown)
    return list(_from_csv(text, shown) if form is Form.CSV else _from_json(text, shown))


def _form_of(file: str) -> Form:
    suffix = Path(file).suffix.lower().removeprefix(".")
    if suffix in list(Form):
        return Form(suffix)
    what = "stdin has no suffix" if file == "-" else f"{file} does not end with .csv or .json"
    raise ConfigurationError(
        f"{what}, so what is in it is not known; say --format csv or --format json"
    )


def _decoded(data: bytes, shown: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{shown}, line {line}: the byte 0x{data[error.start]:02x} is not UTF-8; save the file"
            " as UTF-8"
        ) from None


def _from_csv(text: str, shown: str) -> Iterator[Entry]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: list[str] = []
    head = 0
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise ConfigurationError(f"{shown}, line {line}: not valid CSV: {error}") from None
        if cells is None:
            break
        if not any(cell.strip() for cell in cells):
            continue
        if not columns:
            columns, head = _columns(cells, f"{shown}, line {line}"), line
            continue
        if len(cells) != len(columns):
            raise ConfigurationError(
                f"{shown}, line {line}: {in_words(len(cells), 'cell')}, but line {head} names"
                f" {in_words(len(columns), 'column')}; text with a comma in it has to stand in"
                " double quotes"
            )
        yield _entry(f"line {line}", zip(columns, cells, strict=True))
    if not columns:
        raise ConfigurationError(
            f"{shown} is empty; expected a first line with the names of the columns, such as"
            " identifier,name,status"
        )


def _columns(cells: list[str], place: str) -> list[str]:
    columns = [cell.strip() for cell in cells]
    for mark, what in ((";", "semicolons"), ("\t", "tabs")):
        if len(columns) == 1 and mark in columns[0]:
            raise ConfigurationError(f"{place}: columns are separated by {what}; expected commas")
    _require_known(columns, place, "column")
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise ConfigurationError(f"{place}: there are two columns {twice[0]!r}; remove one")
    if "identifier" not in columns:
        raise ConfigurationError(
            f"{place}: there is no column 'identifier' among {', '.join(columns)}; every tenant"
            " needs one"
        )
    return columns


def _from_json(text: str, shown: str) -> Iterator[Entry]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"{shown}, line {error.lineno}: not valid JSON: {error.msg}"
        ) from None
    except (RecursionError, ValueError) as error:
        raise ConfigurationError(f"{shown} is not valid JSON: {error}") from None
    if isinstance(found, dict) and isinstance(found.get("tenants"), list):
        found = found["tenants"]  # as `tenancy tenants list --json` writes it
    if not isinstance(found, list):
        raise ConfigurationError(
            f"{shown} is not a list of tenants; expected objects in square brackets, such as"
            ' [{"identifier": "acme"}]'
        )
    for index, item in enumerate(found):
        if not isinstance(item, dict):
            raise ConfigurationError(
                f'{shown}, index {index}: not an object; expected one such as {{"identifier":'
                ' "acme"}'
            )
        _require_known(item, f"{shown}, index {index}", "key")
        yield _entry(f"index {index}", item.items())


def _entry(place: str, values: Iterable[tuple[str, Any]]) -> Entry:
    said = ((k, v.strip() if isinstance(v, str) else v) for k, v in values)
    return Entry(place, {k: v for k, v in said if v not in (None, "")})


def _require_known(names: Iterable[str], place: str, what: str) -> None:
    for name in names:
        if name not in KEYS and not (name.startswith(TAG) and name != TAG):
            near = get_close_matches(name.lower().replace(" ", "_"), KEYS, n=1, cutoff=0.5)
            known = f"known are {', '.join(KEYS)} and {TAG}NAME"
            advice = f"did you mean {near[0]}?" if near else known
            raise ConfigurationError(f"{place}: the {what} {name!r} is not known; {advice}")
