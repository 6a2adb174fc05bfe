"""Which targets are worked on together: those of one database, or those that are one each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from fastapi_tenancy.engine.brief import Brief
from fastapi_tenancy.engine.schemas import SchemaSite
from fastapi_tenancy.engine.site import Site
from fastapi_tenancy.isolation.reach import require_reachable
from fastapi_tenancy.model.target import Target


class Sites:
    """The sites of one run, each opened when the first target needs it."""

    def __init__(self, brief: Brief, closing: ExitStack) -> None:
        self._brief = brief
        self._closing = closing
        self._opened: dict[str, Site] = {}

    def of(self, targets: list[Target]) -> Iterator[tuple[Site, list[Target]]]:
        """Yield each site with its targets, in the order of the first target of each."""
        groups: dict[str, list[Target]] = {}
        for target in targets:
            groups.setdefault(target.database, []).append(target)
        for name, group in groups.items():
            if name not in self._opened:
                site = self._opened[name] = self._made(group[0])
                self._closing.callback(site.close)
            yield self._opened[name], group

    def opened(self) -> Iterator[Site]:
        """The sites that were worked on."""
        yield from self._opened.values()

    def _made(self, sample: Target) -> Site:
        require_reachable(sample)
        return SchemaSite(self._brief, sample.database, sample.address)
