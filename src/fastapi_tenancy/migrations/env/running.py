"""`run_migrations()`: the one call at the end of an env.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from alembic import context
from alembic.util import CommandError
from sqlalchemy import create_engine

import fastapi_tenancy.migrations.rls  # noqa: F401 - op.enable_tenant_rls, and autogenerate of it
from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import ConfigurationError, TenancyError
from fastapi_tenancy.history.harmless import is_rehearsing
from fastapi_tenancy.history.identity import Identity, current_identity, running_for
from fastapi_tenancy.migrations.env.asking import Asked, Purpose, as_typed, asked, moves, purpose
from fastapi_tenancy.migrations.env.choosing import tenant_at_head
from fastapi_tenancy.migrations.env.connecting import connected
from fastapi_tenancy.migrations.env.offline import write_script
from fastapi_tenancy.migrations.env.placing import (
    Place,
    catalogue_tables,
    place_named,
    placed,
    settings,
    shared_place,
)
from fastapi_tenancy.migrations.env.settling import (
    make_room_for_long_ids,
    options_for,
    refuse_half_done,
    require_free,
)
from fastapi_tenancy.migrations.env.telling import show_progress
from fastapi_tenancy.migrations.env.tracked import fixed_place
from fastapi_tenancy.migrations.env.trying import TOLD, TakenBack, nothing_kept
from fastapi_tenancy.model.url import masked


def run_migrations(target_metadata: Any = None, **options: Any) -> None:
    """Run the command that Alembic was started with, in the place it is meant for.

    That is the tenant after ``-x tenant=IDENTIFIER`` (an identifier, id or schema of the
    catalogue that the settings name), or ``-x schema=SCHEMA``, or ``-x url=URL``; with
    ``-x dry_run=true`` everything is run and rolled back. ``check`` and ``revision
    --autogenerate`` compare with the first tenant at head where none is named. Where the ini file
    has loggers, `alembic` logs as they say. Under `tenancy` the engine reads the arguments of this
    call, and connects itself.

    Args:
        target_metadata: the models' ``MetaData``, or several of them.
        **options: passed on to ``context.configure``.

    Raises:
        CommandError: no place was named or there is none such, in a sentence that `alembic` prints.
        ConfigurationError: the same, under `tenancy`.
    """
    under_tenancy = current_identity() is not None
    if not under_tenancy:
        show_progress(context.config)
    options["target_metadata"] = target_metadata
    try:
        require_free(options)
        if is_rehearsing():
            _rehearse(asked(), options)
        elif purpose() is Purpose.NOTHING and not under_tenancy:
            _without_database(options)
        else:
            _work(asked(), options)
    except TenancyError as error:
        if under_tenancy:
            raise
        # Alembic's command prints these as a line, and everything else as a traceback.
        raise CommandError(masked(str(error))) from error


def _rehearse(asked: Asked, options: dict[str, Any]) -> None:
    """Tell the engine what it needs to know; no connection is needed for that."""
    sqlite = (asked.url or "").startswith("sqlite")
    place = Place(asked.url or "", asked.schema or "")
    context.configure(
        dialect_name="sqlite" if sqlite else "postgresql", **options_for(place, options)
    )
    with context.begin_transaction():
        context.run_migrations()


def _without_database(options: dict[str, Any]) -> None:
    """A template is filled in, which asks no database."""
    with create_engine("sqlite://").connect() as connection:
        context.configure(connection=connection, **options)
        with context.begin_transaction():
            context.run_migrations()


def _work(asked: Asked, options: dict[str, Any]) -> None:
    config = settings(context.config)
    place = _place(asked, config)
    with _on_behalf_of(place):
        if context.is_offline_mode():
            write_script(place, options)
            return
        with connected(place, config.connect_timeout_s) as connection:
            comparing = purpose() is Purpose.COMPARE
            given = options_for(
                place,
                options,
                connection if comparing else None,
                hidden=catalogue_tables(place, config),
                dry_run=asked.dry_run,
            )
            context.configure(connection=connection, **given)
            make_room_for_long_ids()
            if place.postgresql and moves():
                refuse_half_done(connection, place)
            with nothing_kept(connection.engine) if asked.dry_run else nullcontext():
                _migrate(take_back=asked.dry_run)
    if asked.dry_run:
        context.config.print_stdout(TOLD)


def _migrate(*, take_back: bool) -> None:
    try:
        with context.begin_transaction():
            context.run_migrations()
            if take_back:
                raise TakenBack
    except TakenBack:
        pass


def _place(asked: Asked, config: TenancyConfig) -> Place:
    identity = current_identity()
    if identity is not None:
        return placed(identity.target, config)
    fixed = fixed_place(asked, context.config, config)
    if fixed is not None:
        return fixed
    if asked.somewhere:
        return place_named(asked, config)
    shared = shared_place(config)
    if shared is not None:
        return shared
    if purpose() is Purpose.COMPARE:
        return placed(tenant_at_head(config, asked.own), config)
    typed = as_typed()
    everybody = f" For all of them at once: `tenancy {typed}`." if _has_twin(typed) else ""
    raise ConfigurationError(
        f"which tenant is meant? Say it: `alembic -x tenant=IDENTIFIER {typed}`.{everybody}"
        " Nothing was changed"
    )


def _has_twin(typed: str) -> bool:
    return typed.partition(" ")[0] in ("upgrade", "downgrade", "stamp", "current")


@contextmanager
def _on_behalf_of(place: Place) -> Iterator[None]:
    """Let ``current_tenant()`` answer, where it is known who it is."""
    if place.target is None or current_identity() is not None:
        yield
        return
    with running_for(Identity(place.target)):
        yield
