"""Runs are bounded: how many are kept, how many are at work, how many wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.migrations.tracks.running import Ended, TracksRun
from fastapi_tenancy.model.event import Listener, TargetFinished
from fastapi_tenancy.model.outcome import Outcome, OutcomeKind, Report
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.track import Track
from fastapi_tenancy.web.admin.refusals import refusal
from fastapi_tenancy.web.admin.runs import registry
from fastapi_tenancy.web.admin.runs.registry import (
    AT_ONCE,
    MOST_WAITING,
    NEWEST,
    FleetBusyError,
    Runs,
    TooManyRunsError,
)
from fastapi_tenancy.web.admin.runs.run import Run, RunState, Wish
from shelf import tenant

FLEET = Wish(Command.UPGRADE, "head")
ONE = Wish(Command.UPGRADE, "head", "acme")


class Work:
    """What a run carries out, in place of migrations: it does what it is told to."""

    def __init__(self, do: Callable[[Stop], None] = lambda _stop: None, results: int = 0) -> None:
        self._do, self._results = do, results

    def run(self, _selection: Selection, *, listener: Listener, stop: Stop) -> list[Ended]:
        """Do it, and report so many tenants."""
        self._do(stop)
        outcomes = tuple(
            Outcome(Target(f"s{n}", (tenant(f"t{n}"),)), OutcomeKind.MIGRATED)
            for n in range(self._results)
        )
        for outcome in outcomes:
            listener(TargetFinished(outcome))
        told = stop.requested.is_set()
        report = Report("", Command.UPGRADE, "head", outcomes, (), 0.0, interrupted=told)
        return [Ended(TRACK, report)]


TRACK = Track(ini=Path("alembic.ini"), section="alembic")


def begin(runs: Runs, wish: Wish, work: Work) -> Run:
    return runs.begin(wish, cast(TracksRun, work), Selection())


def until_stopped(stop: Stop) -> None:
    assert stop.requested.wait(30)


async def test_the_newest_are_kept_and_none_that_is_at_work() -> None:
    runs = Runs()
    at_work = begin(runs, FLEET, Work(until_stopped))
    ids = []
    for _ in range(NEWEST + 5):
        run = begin(runs, ONE, Work())
        await run.ended()
        ids.append(run.id)
    begin(runs, ONE, Work())
    kept = [run.id for run in runs]
    assert kept[1 : NEWEST + 1] == ids[: -NEWEST - 1 : -1]
    assert runs.get(at_work.id) is at_work
    assert runs.get(ids[0]) is None
    await runs.close()
    assert at_work.state is RunState.STOPPED


async def test_runs_with_many_results_make_room_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MOST_RESULTS", 100)
    runs = Runs()
    large = [begin(runs, ONE, Work(results=60)) for _ in range(2)]
    for run in large:
        await run.ended()
    await begin(runs, ONE, Work(results=1)).ended()
    assert [len(run.results) for run in runs] == [1, 60]
    assert all(run.log == run.results for run in runs)


async def test_one_run_of_the_fleet_and_not_too_many_in_all() -> None:
    runs = Runs()
    first = begin(runs, FLEET, Work(until_stopped))
    with pytest.raises(FleetBusyError) as busy:
        begin(runs, FLEET, Work())
    assert busy.value.run is first
    for _ in range(MOST_WAITING - 1):
        begin(runs, ONE, Work(until_stopped))
    with pytest.raises(TooManyRunsError, match="100 runs are not over yet") as full:
        begin(runs, ONE, Work())
    answer = refusal(full.value)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    await runs.close()
    assert {run.state for run in runs} == {RunState.STOPPED}
    await begin(runs, FLEET, Work()).ended()


async def test_so_many_tenants_at_a_time() -> None:
    runs, lock = Runs(), threading.Lock()
    at_work, most = 0, 0
    go_on = threading.Event()

    def work(_stop: Stop) -> None:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
            if at_work == AT_ONCE:
                go_on.set()
        assert go_on.wait(30)
        with lock:
            at_work -= 1

    begun = [begin(runs, ONE, Work(work)) for _ in range(3 * AT_ONCE)]
    await asyncio.gather(*(run.ended() for run in begun))
    assert most == AT_ONCE
    assert {run.state for run in begun} == {RunState.SUCCEEDED}


async def test_what_nobody_foresaw_ends_the_run_and_shows_no_password(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fall(_stop: Stop) -> None:
        raise RuntimeError("postgresql://u:geheim@h/d is gone")

    run = begin(Runs(), FLEET, Work(fall))
    await run.ended()
    assert (run.state, run.error) == (
        RunState.FAILED,
        "RuntimeError: postgresql://u:***@h/d is gone",
    )
    assert f"the run {run.id} ended unexpectedly" in caplog.text
    assert "geheim" not in caplog.text


async def test_a_run_that_waits_is_stopped_too() -> None:
    runs = Runs()
    for _ in range(AT_ONCE):
        begin(runs, ONE, Work(until_stopped))
    waiting = begin(runs, ONE, Work(until_stopped))
    assert waiting.state is RunState.WAITING
    waiting.ask_to_stop()
    assert waiting.state is RunState.STOPPING
    await runs.close()
    assert (waiting.state, waiting.started_at is None) == (RunState.STOPPED, False)


@pytest.mark.parametrize("wish", [FLEET, ONE])
async def test_a_run_without_a_thread_is_no_run(
    monkeypatch: pytest.MonkeyPatch, wish: Wish
) -> None:
    def no_room(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    runs = Runs()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_room)
        with pytest.raises(TooManyRunsError, match="can't start new thread") as refused:
            begin(runs, wish, Work())
    assert refusal(refused.value).status_code == 503
    assert list(runs) == []
    async with asyncio.timeout(10):
        await begin(runs, wish, Work()).ended()
        await runs.close()
