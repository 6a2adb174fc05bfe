"""Which database a URL names: its place, and the file of an SQLite one."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from sqlalchemy import make_url
from sqlalchemy.engine import URL

from fastapi_tenancy.model.url import DatabaseUrl, is_postgresql, place_of, sync_url


@lru_cache(maxsize=256)  # asked several times in a row for each target
def file_of(url: str) -> Path | None:
    """The file of an SQLite URL; None for a database in memory."""
    made = make_url(sync_url(url))
    name = made.database or ":memory:"
    if made.query.get("mode") == "memory" or ":memory:" in name:
        return None
    if name.startswith("file:") and "uri" in made.query:
        name = unquote(name.removeprefix("file:").partition("?")[0])
        name = "/" + name.lstrip("/") if name.startswith("//") else name
    return Path(name)


def place(url: str) -> str:
    """What tells one database from every other: one spelling, no user, no password.

    A file is named relative to the working folder where it lies in it; a database in memory is
    nowhere, and its place empty.

    Raises:
        ConfigurationError: not the URL of a PostgreSQL or SQLite database.
    """
    if is_postgresql(url):
        return place_of(url)
    file = file_of(url)
    if file is None:
        return ""
    whole, here = file.resolve(), Path.cwd()
    return str(whole.relative_to(here) if whole.is_relative_to(here) else whole)


def url_of_file(file: Path) -> DatabaseUrl:
    """The URL of a file, whatever characters its name has."""
    made = URL.create("sqlite", database=str(file))
    return DatabaseUrl(made.render_as_string(hide_password=False))
