"""Says where the list of tenants was made, when nobody had named a database for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fastapi_tenancy.cli.output import Output

if TYPE_CHECKING:
    from fastapi_tenancy.config import TenancyConfig


@contextmanager
def told_where(config: TenancyConfig, output: Output) -> Iterator[None]:
    """Tell, on stderr, of a list that is made in this block in the file nobody asked for."""
    from fastapi_tenancy.config.tenants import DEFAULT_CATALOGUE
    from fastapi_tenancy.isolation.place import file_of

    file = file_of(DEFAULT_CATALOGUE)
    unasked = config.catalogue_url == DEFAULT_CATALOGUE and not config.model_fields_set & {
        "catalogue_url",
        "database_url",
    }
    if not unasked or file is None or file.exists():
        yield
        return
    yield
    if file.exists():
        output.tell(
            f"the list of tenants was made in ./{file}, because no database is named; to keep it"
            " elsewhere, remove that file and set TENANCY_DATABASE_URL, or database_url in"
            " tenancy.toml"
        )
