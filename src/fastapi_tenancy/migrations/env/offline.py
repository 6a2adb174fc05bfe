"""``--sql``: the statements for one place, as a script for psql or sqlite3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alembic import context

from fastapi_tenancy.migrations.env.placing import Place
from fastapi_tenancy.migrations.env.settling import make_room_for_long_ids, options_for
from fastapi_tenancy.model.url import sync_url


def write_script(place: Place, options: Mapping[str, Any]) -> None:
    """Write what the running command would do, aimed at the place by the script itself."""
    context.configure(
        url=sync_url(place.address),
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
        **options_for(place, options),
    )
    make_room_for_long_ids()
    output = context.get_context().impl.static_output
    # In one line: whatever a name holds, it stays a comment.
    output(" ".join(f"-- {place.name}".split()))
    if place.search_path:
        # The session is the reader's own, and a revision may leave its transaction.
        output(f"SET search_path TO {place.search_path};")
    with context.begin_transaction():
        context.run_migrations()
    if place.search_path:
        output("RESET search_path;")
