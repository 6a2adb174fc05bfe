"""Plays the demo from the first curtain to the last, and leaves the house clean."""

from __future__ import annotations

import time

from rich.console import Console

from fastapi_tenancy.cli.demo.acts import Acts
from fastapi_tenancy.cli.demo.cast import Cast, make_cast, make_sample
from fastapi_tenancy.cli.demo.interrupt import Interrupts
from fastapi_tenancy.cli.demo.kept import tell_how_to_play_on
from fastapi_tenancy.cli.demo.place import Place, demo_place
from fastapi_tenancy.cli.demo.rows import break_rows
from fastapi_tenancy.cli.demo.stage import (
    copy_project,
    not_waiting_for_the_disk,
    open_fleet,
    put_at_start,
    schema_of,
)
from fastapi_tenancy.model.outcome import OutcomeKind, Report

WIDEST = 100
SAMPLE = 3
"""Tenants for each starting point that plain Alembic migrates; one of each tier."""


def run_demo(console: Console, *, tenants: int = 300, keep: bool = False) -> int:
    """Migrate a fleet of ``tenants`` on a PostgreSQL of its own, and show it.

    Nothing of it is left behind, unless ``keep``: then the server runs on, and the console is
    told how to use it and how to remove it.

    Returns:
        The exit code: 0, 1 when something did not go as it must, 130 when interrupted.

    Raises:
        ConfigurationError: too few tenants, or there is no PostgreSQL to be had.
    """
    cast = make_cast(tenants)
    view = _view(console)
    interrupts = Interrupts()
    started = time.perf_counter()
    with interrupts.heeded():
        try:
            _introduce(view, cast)
            with demo_place(interrupts, keep=keep) as place:
                held = _play(_put_in_place(console, view, cast, place, interrupts))
                if keep:
                    tell_how_to_play_on(view, place, cast)
        except KeyboardInterrupt:
            view.print("\nInterrupted. Everything the demo made was removed.")
            return 130
    if not keep:
        took = time.perf_counter() - started
        view.print(f"[dim]{took:.0f} s in all; everything the demo made was removed.[/]")
    return 0 if held else 1


def _view(console: Console) -> Console:
    """The same file or terminal, for text with markup, in lines that can be read."""
    return Console(
        file=console.file,
        width=min(console.width, WIDEST),
        force_terminal=console.is_terminal,
        no_color=console.no_color or None,
        highlight=False,
    )


def _play(acts: Acts) -> bool:
    acts.status("Where the tenants stand")
    acts.explain()
    first = acts.upgrade()
    acts.status("Where the tenants stand now")
    acts.repair()
    second, third = acts.upgrade_again()
    agreed = acts.plain_alembic(first, make_sample(SAMPLE))
    held = agreed and _as_it_must(acts.cast, first, second, third)
    acts.console.print()
    if not held:
        acts.console.print("[bold red]Something did not go as it must; please report it.[/]")
    return held


def _introduce(view: Console, cast: Cast) -> None:
    view.rule("[bold]A fleet to migrate[/]", align="left", style="blue")
    view.print(
        "A PostgreSQL of its own, an invoicing application with 15 Alembic revisions, and"
        f" {len(cast.players)} tenants, a schema each: some old, some new, one whose rows will be"
        " in the way."
    )


def _put_in_place(
    console: Console, view: Console, cast: Cast, place: Place, interrupts: Interrupts
) -> Acts:
    started = time.perf_counter()
    with view.status(f"putting {len(cast.players)} tenants in place ..."):
        project = copy_project(place.folder, place.url)
        with not_waiting_for_the_disk(place.url):
            fleet = open_fleet(project, place.url, place.url, cast.players)
            put_at_start(fleet, cast.players, place.url, interrupts)
        break_rows(place.url, schema_of(cast.broken))
    view.print(f"In place, by the engine itself, after {time.perf_counter() - started:.0f} s.")
    return Acts(view, console, fleet, cast, place.url, project, interrupts)


def _as_it_must(cast: Cast, first: Report, second: Report, third: Report) -> bool:
    """True when one tenant failed, was done the second time, and then all were there."""
    failed = [o.target.tenant.identifier for o in first.failures()]
    unsettled = [d for r in (first, second, third) for d in r.differences if not d.settled]
    return (
        failed == [cast.broken.tenant.identifier]
        and second.counts()[OutcomeKind.MIGRATED] == 1
        and third.counts()[OutcomeKind.THERE] == len(cast.players)
        and not unsettled
    )
