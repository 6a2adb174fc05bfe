"""`tenancy tenants import`: a whole list at once, or nothing of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastapi_tenancy.cli.exits import Exit
from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.parameters import Json, Where, command
from fastapi_tenancy.cli.tenants.filed import Form
from fastapi_tenancy.cli.words import names_in_words, tenants_in_words
from fastapi_tenancy.model.tenant import Tenant

if TYPE_CHECKING:
    from fastapi_tenancy.cli.tenants.fitting import Existing, Fitted
    from fastapi_tenancy.config import TenancyConfig
    from fastapi_tenancy.storage.protocol import TenantStore

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@command
def import_tenants(
    output: Output,
    where: Where,
    file: Annotated[str, typer.Argument(help="A CSV or JSON file; - is stdin.")],
    form: Annotated[
        Form | None,
        typer.Option("--format", metavar="FORMAT", help="csv or json, whatever the suffix says."),
    ] = None,
    skip_existing: Annotated[
        bool,
        typer.Option("--skip-existing", metavar="", help="Leave tenants that exist as they are."),
    ] = False,
    update: Annotated[
        bool, typer.Option("--update", metavar="", help="Change tenants that exist.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar="", help="Say what would be done.")
    ] = False,
    json: Json = False,  # noqa: ARG001 - Output knows it from the command line
) -> int:
    """Add all tenants of a file to the catalogue, or none of them."""
    from fastapi_tenancy.cli.project import open_config
    from fastapi_tenancy.cli.tenants.fitting import Existing

    if skip_existing and update:
        raise typer.BadParameter("--skip-existing and --update contradict each other; say one")
    existing = Existing.REFUSED
    if skip_existing or update:
        existing = Existing.UPDATED if update else Existing.SKIPPED
    done = _carried_out(output, open_config(where), (file, form), existing, dry_run=dry_run)
    if output.json:
        output.document(_document(done, dry_run=dry_run))
    else:
        _tell(output, done, dry_run=dry_run)
    return Exit.DONE


def _carried_out(
    output: Output,
    config: TenancyConfig,
    source: tuple[str, Form | None],
    existing: Existing,
    *,
    dry_run: bool,
) -> Fitted:
    """Read, check, and write; nothing is written before everything is checked."""
    from fastapi_tenancy.cli.project import with_store
    from fastapi_tenancy.cli.tenants.filed import read_entries
    from fastapi_tenancy.cli.tenants.fitting import Problems, all_said, fitted
    from fastapi_tenancy.cli.tenants.making import told_where
    from fastapi_tenancy.cli.tenants.placing import idle_places
    from fastapi_tenancy.opening import open_isolation
    from fastapi_tenancy.storage.database import NoTableError

    isolation = open_isolation(config)
    # A catalogue that cannot be written says so before anybody types a list into stdin. That is
    # read outside of the event loop, which would keep a Ctrl-C to itself.
    with suppress(NoTableError):  # it is made with the first tenant
        with_store(config, lambda store: store.save_all(()))
    problems = Problems()
    said = all_said(read_entries(*source), problems)

    async def work(store: TenantStore) -> Fitted:
        found = fitted(said, await _everybody(store), existing, isolation, problems)
        problems.refuse("stdin" if source[0] == "-" else source[0])
        output.warn(idle_places((*found.new, *found.changed), isolation))
        if not dry_run and (found.new or found.changed):
            await store.initialize()
            with _interruptible(output) as asked, _bar(output, found) as tick:
                await store.save_all(
                    _read(found.new, asked, tick), _read(found.changed, asked, tick)
                )
        return found

    with told_where(config, output):
        return with_store(config, work)


async def _everybody(store: TenantStore) -> list[Tenant]:
    from fastapi_tenancy.storage.database import NoTableError

    try:
        return [tenant async for tenant in store.stream()]
    except NoTableError:
        return []  # it is made with the first tenant


@contextmanager
def _interruptible(output: Output) -> Iterator[threading.Event]:
    """Turn a first Ctrl-C or SIGTERM into an event; a second one ends the process.

    The writing thread would go on alone otherwise, and commit what was said to be interrupted.
    """
    asked = threading.Event()

    def handle(_number: int, _frame: object) -> None:
        asked.set()
        output.tell("stopping: nothing of the file is kept; once more to end at once")
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _bar(output: Output, found: Fitted) -> Iterator[Callable[[], None]]:
    """Yield what is called for each tenant; it draws on a terminal, where the import is long."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    total = len(found.new) + len(found.changed)
    console = output.err
    if not console.is_terminal or console.is_dumb_terminal or total < 1000:
        yield lambda: None
        return
    columns = (TextColumn("import"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("import", total=total)
        yield lambda: bar.advance(task)


def _read(
    tenants: Sequence[Tenant], asked: threading.Event, tick: Callable[[], None]
) -> Iterator[Tenant]:
    for tenant in tenants:
        if asked.is_set():
            raise typer.Abort
        tick()
        yield tenant


def _document(done: Fitted, *, dry_run: bool) -> dict[str, Any]:
    lists = {
        "added": done.new,
        "changed": done.changed,
        "unchanged": done.unchanged,
        "skipped": done.skipped,
    }
    total = sum(len(tenants) for tenants in lists.values())
    named = {key: [t.identifier for t in tenants] for key, tenants in lists.items()}
    return {"total": total, "dry_run": dry_run, **named}


def _tell(output: Output, done: Fitted, *, dry_run: bool) -> None:
    kinds = (
        ("added", done.new),
        ("changed", done.changed),
        ("the same already", done.unchanged),
        ("left alone", done.skipped),
    )
    told = [(what, tenants) for what, tenants in kinds if tenants]
    for what, tenants in told:
        names = f": {names_in_words([t.identifier for t in tenants])}" if dry_run else ""
        output.say(f"{tenants_in_words(len(tenants))} {what}{names}")
    if not told:
        output.say("the file names no tenants; there is nothing to do")
    elif dry_run:
        output.say("nothing was changed (--dry-run)")
    elif done.new:
        output.say("next: tenancy upgrade --create")
