"""A project and its tenants, as the command line and the managers use them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.engine.brief import Prepared
from fastapi_tenancy.engine.options import RunOptions
from fastapi_tenancy.engine.project import load_project
from fastapi_tenancy.engine.run import FleetRun
from fastapi_tenancy.engine.shells import script_for
from fastapi_tenancy.engine.status import Standing, read_standings
from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.errors import TenantDeletedError, TenantNotFoundError
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.migrations.moved import telling
from fastapi_tenancy.migrations.rivals import Place, place_in, rivals
from fastapi_tenancy.model.event import Listener, silent
from fastapi_tenancy.model.outcome import Report
from fastapi_tenancy.model.plan import Command, Step
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.tenant import Tenant, TenantStatus
from fastapi_tenancy.storage.protocol import TenantStore
from fastapi_tenancy.storage.select import Named, matches

Collect = Callable[[Selection], list[Tenant]]
"""Reads the chosen tenants from the catalogue, whichever event loop it belongs to."""

_NOBODY = Tenant(id="example", identifier="example")
"""Stands in where the catalogue is empty: classification needs some tenant to ask about."""


async def collect(store: TenantStore, selection: Selection, place: Place) -> list[Tenant]:
    """The chosen tenants, in catalogue order, and after them those that claim the same places.

    The engine refuses tenants that claim one place, and has to see all of them for that.

    Raises:
        TenantNotFoundError: a tenant was named, or excluded by name, that is not in the
            catalogue; or one was named that is marked deleted.
    """
    names = selection.identifiers | selection.exclude
    named, candidates = Named(names), []
    async for tenant in store.stream():
        named.see(tenant)
        if matches(
            tenant,
            identifiers=selection.identifiers,
            tags=selection.tags,
            statuses=selection.statuses,
            exclude=frozenset(),
        ):
            candidates.append(tenant)
    _require_known(named, selection)
    # A name may be the id of one tenant and the identifier of another: only now is it known whose.
    only = named.identifiers(selection.identifiers)
    without = named.identifiers(selection.exclude)
    chosen = [
        tenant
        for tenant in candidates
        if tenant.identifier not in without and (not only or tenant.identifier in only)
    ]
    chosen = chosen[: selection.limit]
    if selection == Selection() or not chosen:
        return chosen
    return chosen + await rivals(store, chosen, place)


def _require_known(named: Named, selection: Selection) -> None:
    for wanted in sorted(selection.identifiers | selection.exclude):
        if not named.of(wanted):
            raise TenantNotFoundError(wanted)
    if selection.statuses is None:
        for wanted in sorted(selection.identifiers):
            if any(t.status is TenantStatus.DELETED for t in named.of(wanted)):
                raise TenantDeletedError(wanted)


def in_own_loop(store: TenantStore, isolation: IsolationProvider) -> Collect:
    """Read a catalogue from synchronous code, in an event loop of its own thread.

    The store's connections are closed after each reading: they belong to that loop.
    """

    async def read(selection: Selection) -> list[Tenant]:
        try:
            return await collect(store, selection, place_in(isolation))
        finally:
            await store.close()

    def work(selection: Selection) -> list[Tenant]:
        # A thread of its own: the caller may be inside a running loop.
        with ThreadPoolExecutor(1, "tenancy-catalogue") as thread:
            return thread.submit(asyncio.run, read(selection)).result()

    return work


def in_this_loop(store: TenantStore, isolation: IsolationProvider) -> Collect:
    """Read a catalogue from a worker thread, in the event loop that this is called in.

    A store in use belongs to its loop: it is asked there.
    """
    loop, place = asyncio.get_running_loop(), place_in(isolation)

    def work(selection: Selection) -> list[Tenant]:
        reading = collect(store, selection, place)
        return asyncio.run_coroutine_threadsafe(reading, loop).result()

    return work


class Fleet:
    """Everything fleet commands need; synchronous, safe to use from several threads."""

    def __init__(
        self, config: TenancyConfig, tenants: Collect, isolation: IsolationProvider
    ) -> None:
        self.config = config
        self.isolation = isolation
        self._tenants = tenants

    def history(self) -> History:
        """Load the project's scripts anew.

        Raises:
            ConfigurationError: no alembic.ini, or scripts that cannot be loaded.
        """
        return History(Path(self.config.alembic_ini), self.config.alembic_section)

    def tenants(self, selection: Selection) -> list[Tenant]:
        """Read the chosen tenants.

        Raises:
            TenantNotFoundError: a tenant was named that is not in the catalogue.
        """
        return self._tenants(selection)

    def options(self, command: Command, revision: str, **given: object) -> RunOptions:
        """Run options from the configuration; arguments that are not None decide."""
        config = self.config
        values: dict[str, object] = {
            "engine": config.engine,
            "proof": config.proof,
            "concurrency": config.concurrency,
            "lock_timeout_s": config.lock_timeout_s,
            "statement_timeout_s": config.statement_timeout_s,
            "connect_timeout_s": config.connect_timeout_s,
            "recycle_after": config.recycle_after,
        }
        values |= {name: value for name, value in given.items() if value is not None}
        return RunOptions(command=command, revision=revision, **values)  # type: ignore[arg-type]

    def run(
        self,
        options: RunOptions,
        selection: Selection,
        *,
        listener: Listener = silent,
        stop: Stop | None = None,
    ) -> Report:
        """Carry a run out.

        Raises:
            ConfigurationError: the request cannot be carried out for anybody; nothing changed.
        """
        told = telling(listener)
        run = FleetRun(self.history(), self.isolation, options, listener=told, stop=stop)
        chosen = self.tenants(selection)
        first = [chosen]

        def source() -> list[Tenant]:
            if first:
                return first.pop()
            # A limited choice is a choice of these tenants, whatever comes after.
            return chosen if selection.limit is not None else self._again(selection)

        return run.execute(source)

    def _again(self, selection: Selection) -> list[Tenant]:
        """The choice as it is now; a tenant that was named or excluded may be gone by now."""
        while True:
            try:
                return self.tenants(selection)
            except TenantNotFoundError as error:
                gone = {error.wanted}
                if selection.identifiers and selection.identifiers <= gone:
                    return []  # no name at all would be a choice of everybody
                selection = replace(
                    selection,
                    identifiers=selection.identifiers - gone,
                    exclude=selection.exclude - gone,
                )

    def prepare(self, options: RunOptions, selection: Selection) -> Prepared:
        """Plan a run and change nothing.

        Raises:
            ConfigurationError: the request cannot be carried out for anybody.
        """
        return FleetRun(self.history(), self.isolation, options).prepare(self.tenants(selection))

    def sql(self, options: RunOptions, prepared: Prepared) -> Iterator[str]:
        """The SQL of a plan as a script for psql, or for sqlite3 where tenants have files.

        Raises:
            ConfigurationError: a step needs a connection, so it has no SQL of its own; or no one
                shell can reach all of these tenants.
        """
        script = script_for(prepared.plan, self.isolation, options)
        plan = zip(prepared.plan.cohorts, prepared.stages, prepared.projects, strict=True)
        for cohort, stages, project in plan:
            yield from script.lines(project, cohort, stages)

    def standings(self, options: RunOptions, selection: Selection) -> Iterator[Standing]:
        """Where every chosen tenant stands."""
        return read_standings(self.history(), self.isolation, options, self.tenants(selection))

    def explain(self, options: RunOptions, heads: tuple[str, ...] = ()) -> tuple[Step, ...]:
        """The road of each revision from ``heads`` to the revision asked for, and why.

        No server is needed for it but the one env.py itself connects to.
        """
        history = self.history()
        history.require(options.revision)
        span = history.span(options.command, options.revision, heads)
        tenants = self.tenants(Selection(limit=2))
        targets = tuple(self.isolation.target(t) for t in tenants) or (
            self.isolation.target(_NOBODY),
        )
        project = load_project(history, targets, options.x_arguments)
        return tuple(c.step for c in project.steps(span, targets[0], options.engine))
