"""The endpoints of runs: how far they are, what became of each tenant, as it happens."""

# No `from __future__ import annotations`: FastAPI reads the annotations.

import time
from collections.abc import AsyncIterator
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from fastapi_tenancy.model.outcome import OutcomeKind
from fastapi_tenancy.web.admin.desk import Desk
from fastapi_tenancy.web.admin.documents.problem import documented
from fastapi_tenancy.web.admin.documents.run import (
    ResultDocument,
    ResultPage,
    RunDocument,
    RunList,
)
from fastapi_tenancy.web.admin.runs.run import Run
from fastapi_tenancy.web.admin.tenants import Limit, Skip

RunId = Annotated[str, Path(min_length=1, max_length=64)]
LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", description="The last event that came; sent by browsers."),
]
END = "end"
"""The id of the last event."""
TOLD_EVERY_S = 0.5
"""Seconds between two events that tell how far a run is."""
AT_ONCE = 500
"""Results sent before the numbers are told again."""


class RunEndpoints:
    """What there is to know of runs, and how to stop one."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_to(self, router: APIRouter, run_route: str) -> None:
        """Put them into a router; the route of a run gets this name."""
        one, name = "/runs/{run}", "tenancy_admin_"
        problems = documented(401, 403, 404, 422, 503)
        add = router.add_api_route
        add(
            "/runs",
            self.list_runs,
            methods=["GET"],
            name=f"{name}list_runs",
            responses=documented(401, 403, 503),
        )
        add(one, self.show, methods=["GET"], name=run_route, responses=problems)
        add(
            f"{one}/results",
            self.results,
            methods=["GET"],
            name=f"{name}run_results",
            responses=problems,
        )
        add(
            f"{one}/events",
            self.events,
            methods=["GET"],
            name=f"{name}run_events",
            response_class=EventSourceResponse,
            dependencies=[Depends(self.require_more)],
            responses=problems | {204: {"description": "The last event has come already."}},
        )
        add(
            f"{one}/stop",
            self.stop,
            methods=["POST"],
            name=f"{name}stop_run",
            status_code=202,
            responses=problems,
        )

    async def list_runs(self) -> RunList:
        """List the runs of this process that are kept, the newest first."""
        return RunList(items=[RunDocument.of(run) for run in self._desk.runs])

    async def show(self, run: RunId) -> RunDocument:
        """Show a run, and how far it is."""
        return RunDocument.of(self._desk.run(run))

    async def results(
        self,
        run: RunId,
        outcome: Annotated[OutcomeKind | None, Query(description="Only these.")] = None,
        skip: Skip = 0,
        limit: Limit = 100,
    ) -> ResultPage:
        """Show what became of each tenant. It is proven when the run is over."""
        found = self._desk.run(run)
        final, kept = found.state.over, found.results
        if outcome is not None:
            kept = [result for result in kept if result.outcome is outcome]
        return ResultPage(
            items=[ResultDocument.of(result) for result in kept[skip : skip + limit]],
            total=len(kept),
            skip=skip,
            limit=limit,
            final=final,
        )

    async def stop(
        self,
        run: RunId,
        abort: Annotated[
            bool, Query(description="Roll back the tenants in flight instead of finishing them.")
        ] = False,
    ) -> RunDocument:
        """Stop a run: no more tenants are started. Harmless when it is over."""
        found = self._desk.run(run)
        await to_thread.run_sync(lambda: found.ask_to_stop(abort=abort))
        return RunDocument.of(found)

    async def require_more(self, run: RunId, last_event_id: LastEventId = None) -> None:
        """Answer before anything is streamed: 404, or 204 for whoever knows all there is."""
        self._desk.run(run)
        if last_event_id == END:
            raise HTTPException(204)

    async def events(
        self, run: RunId, last_event_id: LastEventId = None
    ) -> AsyncIterator[ServerSentEvent]:
        """Follow a run: `result` for each tenant, `run` for its numbers, `end` when it is over.

        Whoever comes back with the id of the last event goes on behind it. To go away does not
        stop the run.
        """
        async for event in follow(self._desk.run(run), _position(last_event_id)):
            yield event


def _position(last_event_id: str | None) -> int:
    known = last_event_id is not None and last_event_id.isascii() and last_event_id.isdigit()
    return int(last_event_id[:18]) if known and last_event_id else 0


async def follow(run: Run, sent: int) -> AsyncIterator[ServerSentEvent]:
    """Give the events of a run behind the first ``sent`` results, until it is over."""
    told = float("-inf")
    while True:
        heard, over = run.bell.rung, run.state.over
        if time.monotonic() - told >= TOLD_EVERY_S:
            told = time.monotonic()
            yield ServerSentEvent(event="run", data=RunDocument.of(run))
        some = run.log[sent : sent + AT_ONCE]
        for number, result in enumerate(some, start=sent + 1):
            yield ServerSentEvent(event="result", id=str(number), data=ResultDocument.of(result))
        sent += len(some)
        if len(some) == AT_ONCE:
            continue
        if over:
            yield ServerSentEvent(event=END, id=END, data=RunDocument.of(run))
            return
        await run.bell.wait(heard)
