"""The runs of this process: begun, found again, stopped, forgotten."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

from fastapi_tenancy.errors import TenancyError
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.web.admin.own import Moves
from fastapi_tenancy.web.admin.runs.carrying import carry_out
from fastapi_tenancy.web.admin.runs.run import Run, RunState, Wish

NEWEST = 50
"""Runs that are kept after their end."""
MOST_RESULTS = 200_000
"""Results that are kept of them all: those of two fleets of 100,000."""
AT_ONCE = 4
"""Tenants that are migrated at a time each on its own; more wait for their turn."""
MOST_WAITING = 100
"""Runs that are not over; more are refused."""


class FleetBusyError(TenancyError):
    """Another run of the whole fleet is not over yet."""

    def __init__(self, run: Run) -> None:
        self.run = run
        super().__init__(
            f"the run {run.id} of the fleet is not over yet; wait for its end, or stop it"
        )


class TooManyRunsError(TenancyError):
    """So many runs are not over that no more are taken."""


class Runs:
    """Runs by their ids, the newest ones; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._slots = threading.Semaphore(AT_ONCE)

    def __iter__(self) -> Iterator[Run]:
        """The newest first."""
        with self._lock:
            return iter(list(reversed(self._runs.values())))

    def get(self, run_id: str) -> Run | None:
        """The run of this id, unless it was forgotten."""
        with self._lock:
            return self._runs.get(run_id)

    def begin(self, wish: Wish, request: Moves, selection: Selection) -> Run:
        """Carry out a request while the caller goes on.

        Raises:
            FleetBusyError: it is about the fleet, and another such run is not over.
            TooManyRunsError: too many runs are not over, or there is no thread for another.
        """
        run = Run(wish)
        with self._lock:
            self._require_room(wish)
            self._runs[run.id] = run
            self._forget()
        # A daemon: where nobody stops it, the process ends all the same, and the engine's
        # transactions leave every tenant at a revision.
        thread = threading.Thread(
            target=self._carry_out,
            args=(run, request, selection),
            name=f"tenancy-run-{run.id[:8]}",
            daemon=True,
        )
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:
            raise self._not_begun(run, error) from error
        return run

    async def close(self) -> None:
        """Stop every run at a revision, and return when all are over."""
        unfinished = [run for run in self if not run.state.over]
        for run in unfinished:
            run.ask_to_stop()
        await asyncio.gather(*(run.ended() for run in unfinished))

    def _not_begun(self, run: Run, error: Exception) -> TooManyRunsError:
        """Forget a run that no thread carries out."""
        told = (
            f"the run cannot begin: {error}. Nothing was changed; try again when less is going on"
        )
        with self._lock:
            del self._runs[run.id]
        run.end(RunState.REFUSED, told)  # somebody may have found it meanwhile
        return TooManyRunsError(told)

    def _carry_out(self, run: Run, request: Moves, selection: Selection) -> None:
        if run.wish.tenant is None:
            carry_out(run, request, selection)
            return
        with self._slots:
            carry_out(run, request, selection)

    def _require_room(self, wish: Wish) -> None:
        unfinished = [run for run in self._runs.values() if not run.state.over]
        if wish.tenant is None:
            for run in unfinished:
                if run.wish.tenant is None:
                    raise FleetBusyError(run)
        if len(unfinished) >= MOST_WAITING:
            raise TooManyRunsError(
                f"{len(unfinished)} runs are not over yet, and no more are taken; wait for some"
            )

    def _forget(self) -> None:
        """Forget the oldest runs that are over, where there are too many or too large ones."""
        over = [run for run in self._runs.values() if run.state.over]
        kept = sum(len(run.log) for run in over)
        for number, run in enumerate(over):
            if len(over) - number <= NEWEST and kept <= MOST_RESULTS:
                return
            kept -= len(run.log)
            del self._runs[run.id]
