"""Shows a run while it is under way: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from fastapi_tenancy.cli.words import tenants_in_words, visible
from fastapi_tenancy.model.event import (
    Counted,
    Differed,
    Event,
    Listener,
    Planned,
    TargetFinished,
    Warned,
)
from fastapi_tenancy.model.outcome import OutcomeKind
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.url import masked

LINE_EVERY_S = 5.0
"""Seconds between two lines where nobody watches a bar."""


@contextlib.contextmanager
def progress(console: Console) -> Iterator[Listener]:
    """Yield a listener that draws on ``console`` until the block ends."""
    if console.is_terminal and not console.is_dumb_terminal:
        with _bar(console) as bar:
            yield _Watcher(console, bar)
    else:
        yield _Watcher(console, None)


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failures]}", style="red"),
        console=console,
        transient=True,
    )


class _Watcher:
    """The listener: counts, and shows what it counted."""

    def __init__(self, console: Console, bar: Progress | None) -> None:
        self._console = console
        self._bar = bar
        self._task: TaskID | None = None
        self._total = 0
        self._done = 0
        self._failed = 0
        self._there = 0
        """Targets that are yet to be told of, stood where they should and are not counted."""
        self._started = self._last = time.monotonic()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Planned):
            self._planned(event)
        elif isinstance(event, Counted):
            self._counted(event)
        elif isinstance(event, TargetFinished):
            self._finished(event)
        elif isinstance(event, Warned):
            self._say(f"warning: {event.message}", "yellow")
        elif isinstance(event, Differed):
            style = "yellow" if event.difference.settled else "red"
            self._say(f"difference: {event.difference.subject}: {event.difference.message}", style)

    def _planned(self, event: Planned) -> None:
        """Count what a server has ahead; what is planned again was counted before."""
        if event.again:
            return
        plan = event.plan
        self._there += sum(len(c.targets) for c in plan.there)
        ahead = sum(len(c.targets) for c in plan.cohorts) + len(plan.refusals)
        self._start(plan.command, self._total + ahead)

    def _start(self, command: Command, total: int) -> None:
        self._total = total
        if self._task is None:
            self._started = self._last = time.monotonic()
        if self._bar is not None and total:
            if self._task is None:
                verb = command.value
                self._task = self._bar.add_task(verb, total=total, rate="", failures="")
            self._bar.update(self._task, total=total)

    def _counted(self, event: Counted) -> None:
        self._start(event.command, self._total + event.total)

    def _finished(self, event: TargetFinished) -> None:
        if event.outcome.kind is OutcomeKind.THERE and self._there:
            self._there -= 1
            return
        self._done += 1
        self._total = max(self._total, self._done)  # some failed before anything was planned
        self._failed += event.outcome.kind is OutcomeKind.FAILED
        now = time.monotonic()
        rate = self._done / max(now - self._started, 0.001)
        if self._bar is not None and self._task is not None:
            failures = f"{self._failed} failed" if self._failed else ""
            self._bar.update(
                self._task, completed=self._done, rate=_per_second(rate), failures=failures
            )
        elif self._bar is None and now - self._last >= LINE_EVERY_S:
            self._last = now
            left = max(self._total - self._done, 0) / rate
            self._say(
                f"{self._done} of {tenants_in_words(self._total)}, {_per_second(rate)},"
                f" {self._failed} failed, about {left:,.0f} s to go"
            )

    def _say(self, text: str, style: str | None = None) -> None:
        self._console.print(visible(masked(text)), style=style, markup=False, soft_wrap=True)


def _per_second(rate: float) -> str:
    return f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s"
