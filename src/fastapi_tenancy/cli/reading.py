"""Shows how far a long reading is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fastapi_tenancy.cli.progress import LINE_EVERY_S
from fastapi_tenancy.model.event import Event, Listener, Reading


@contextlib.contextmanager
def reading(console: Console, what: str) -> Iterator[Listener]:
    """Yield a listener that draws on ``console`` until the block ends.

    Args:
        what: that is read, for people.
    """
    if console.is_terminal and not console.is_dumb_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
            yield _drawn(bar, what)
    else:
        yield _told(console, what)


def _drawn(bar: Progress, what: str) -> Listener:
    task = bar.add_task(f"reading {what}", total=None)

    def listen(event: Event) -> None:
        if isinstance(event, Reading):
            bar.update(task, completed=event.done, total=event.total)

    return listen


def _told(console: Console, what: str) -> Listener:
    last = time.monotonic()

    def listen(event: Event) -> None:
        nonlocal last
        now = time.monotonic()
        if isinstance(event, Reading) and now - last >= LINE_EVERY_S:
            last = now
            text = f"read {event.done:,} of {event.total:,} {what}"
            console.print(text, markup=False, soft_wrap=True)

    return listen
