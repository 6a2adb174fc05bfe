"""Which targets are worked on together: those of one database, or those that are one each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from fastapi_tenancy.engine.brief import Brief
from fastapi_tenancy.engine.database import DatabaseSite
from fastapi_tenancy.engine.env.crew import Crew
from fastapi_tenancy.engine.env.falling import FallingBackSite
from fastapi_tenancy.engine.env.site import EnvSite, setup_of
from fastapi_tenancy.engine.files import FileSite
from fastapi_tenancy.engine.schemas import SchemaSite
from fastapi_tenancy.engine.site import Site
from fastapi_tenancy.isolation.reach import require_reachable
from fastapi_tenancy.model.plan import Engine
from fastapi_tenancy.model.target import Target

_SINGLES, _FILES = "", "\0"
"""Stand for the databases and files that are a target each; no database has such a name."""


class Sites:
    """The sites of one run, each opened when the first target needs it."""

    def __init__(self, brief: Brief, closing: ExitStack) -> None:
        self._brief = brief
        self._closing = closing
        self._opened: dict[str, Site] = {}
        self._crew: Crew | None = None

    def of(self, targets: list[Target]) -> Iterator[tuple[Site, list[Target]]]:
        """Yield each site with its targets, in the order of the first target of each."""
        groups: dict[str, list[Target]] = {}
        for target in targets:
            groups.setdefault(_group(target), []).append(target)
        for name, group in groups.items():
            for target in group if name in (_SINGLES, _FILES) else group[:1]:
                require_reachable(target)
            if name not in self._opened:
                site = self._opened[name] = self._made(group[0])
                self._closing.callback(site.close)
            yield self._opened[name], group

    def _made(self, sample: Target) -> Site:
        brief = self._brief
        if brief.options.engine is Engine.ENV:
            return EnvSite(brief, _site(brief, sample), self._its_crew)
        if brief.options.engine is Engine.AUTO:
            return FallingBackSite(brief, lambda asked: _site(asked, sample), self._its_crew)
        return _site(brief, sample)

    def _its_crew(self) -> Crew:
        """The processes that run env.py: one crew for all sites of the run."""
        if self._crew is None:
            brief = self._brief
            self._crew = Crew(setup_of(brief), brief.options.concurrency, brief.stop)
            self._closing.callback(self._crew.close)
        return self._crew


def _group(target: Target) -> str:
    if target.is_file:
        return _FILES
    # A database without a schema named is a target whole.
    return target.database if target.schema else _SINGLES


def _site(brief: Brief, sample: Target) -> Site:
    if sample.is_file:
        return FileSite(brief)
    if not sample.schema:
        return DatabaseSite(brief)
    return SchemaSite(brief, sample.database, sample.address)
