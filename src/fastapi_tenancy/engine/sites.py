"""Which targets are worked on together: those of one database, or those that are one each."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import replace

from fastapi_tenancy.engine.brief import Brief
from fastapi_tenancy.engine.database import DatabaseSite
from fastapi_tenancy.engine.env.crew import Crew
from fastapi_tenancy.engine.env.falling import FallingBackSite
from fastapi_tenancy.engine.env.site import EnvSite, setup_of
from fastapi_tenancy.engine.files import FileSite
from fastapi_tenancy.engine.lanes import Group, Lane
from fastapi_tenancy.engine.pulse import Pulse
from fastapi_tenancy.engine.schemas import SchemaSite
from fastapi_tenancy.engine.site import Site
from fastapi_tenancy.isolation.reach import require_reachable
from fastapi_tenancy.model.plan import Engine
from fastapi_tenancy.model.target import Target

_SINGLES, _FILES = "", "\0"
"""Stand for the databases and files that are a target each; no database has such a name."""


class Sites:
    """The sites of one run, each made when the first target needs it."""

    def __init__(self, brief: Brief, closing: ExitStack) -> None:
        self._brief = brief
        self._closing = closing
        self._briefs: dict[str, Brief] = {}
        self._made: dict[tuple[str, str], Site] = {}
        self._crew: Crew | None = None
        self._hiring = threading.Lock()

    def lanes(self, targets: list[Target]) -> list[Lane]:
        """Each server with its sites and their targets, in the order of the first target of each.

        Raises:
            ConfigurationError: no address is configured, or one of the wrong kind.
        """
        servers: dict[str, dict[str, list[Target]]] = {}
        for target in targets:
            require_reachable(target)
            groups = servers.setdefault(_server(target), {})
            groups.setdefault(_group(target), []).append(target)
        return [self._lane(server, servers) for server in servers]

    def _lane(self, server: str, servers: dict[str, dict[str, list[Target]]]) -> Lane:
        groups = servers[server]
        if server not in self._briefs:
            label = _label(server, groups) if len(servers) > 1 else ""
            tally = self._brief.tally.part(label)
            pulse = Pulse(2 * self._brief.options.concurrency)
            self._briefs[server] = replace(self._brief, tally=tally, label=label, pulse=pulse)
        brief = self._briefs[server]
        for targets in groups.values():
            brief.tally.expect(targets)
        made = (Group(self._site(brief, server, name, of), of) for name, of in groups.items())
        return Lane(brief, tuple(made))

    def _site(self, brief: Brief, server: str, name: str, targets: list[Target]) -> Site:
        if (server, name) not in self._made:
            site = self._made[server, name] = self._new(brief, targets[0])
            self._closing.callback(site.close)
        return self._made[server, name]

    def _new(self, brief: Brief, sample: Target) -> Site:
        if brief.options.engine is Engine.ENV:
            return EnvSite(brief, _plain(brief, sample), self._its_crew)
        if brief.options.engine is Engine.AUTO:
            return FallingBackSite(brief, lambda asked: _plain(asked, sample), self._its_crew)
        return _plain(brief, sample)

    def _its_crew(self) -> Crew:
        """The processes that run env.py: one crew for all sites of the run."""
        with self._hiring:
            if self._crew is None:
                brief = self._brief
                self._crew = Crew(setup_of(brief), brief.options.concurrency, brief.stop)
                self._closing.callback(self._crew.close)
            return self._crew


def _server(target: Target) -> str:
    return target.server or _FILES


def _group(target: Target) -> str:
    if target.is_file:
        return _FILES
    # A database without a schema named is a target whole.
    return target.database if target.schema else _SINGLES


def _label(server: str, groups: dict[str, list[Target]]) -> str:
    """What people call a server: the shard of all its tenants, or its address."""
    shards = {t.tenant.shard for targets in groups.values() for t in targets}
    if len(shards) == 1 and None not in shards:
        return f"shard {shards.pop()}"
    return "SQLite files" if server == _FILES else server


def _plain(brief: Brief, sample: Target) -> Site:
    if sample.is_file:
        return FileSite(brief)
    if not sample.schema:
        return DatabaseSite(brief)
    return SchemaSite(brief, sample.database, sample.address)
