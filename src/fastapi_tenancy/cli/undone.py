"""Work that leaves nothing behind when it is interrupted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import typer

from fastapi_tenancy.cli.interrupt import run_stoppable
from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.model.event import Differed, Event, Listener, Warned

T = TypeVar("T")


def run_undone(work: Callable[[Listener, Stop], T], output: Output) -> T:
    """Return what ``work`` returns; it is told at once when somebody interrupts.

    Raises:
        typer.Abort: it was interrupted.
    """
    from fastapi_tenancy.migrations.reference.building import WasInterruptedError

    stop = Stop()

    def listen(event: Event) -> None:
        if isinstance(event, Warned):
            output.warn([event.message])
        elif isinstance(event, Differed):
            output.warn([event.difference.message])

    try:
        return run_stoppable(lambda: work(listen, stop), stop, output.tell, at_once=True)
    except WasInterruptedError:
        raise typer.Abort from None
