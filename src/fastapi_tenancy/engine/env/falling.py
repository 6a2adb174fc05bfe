"""Takes the engine's roads, or that of env.py itself where it does what nobody can do for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from fastapi_tenancy.engine.brief import Brief, Prepared
from fastapi_tenancy.engine.env.crew import Crew
from fastapi_tenancy.engine.env.site import EnvSite
from fastapi_tenancy.engine.site import Site
from fastapi_tenancy.errors import NotHonouredError
from fastapi_tenancy.model.event import Warned
from fastapi_tenancy.model.plan import Engine
from fastapi_tenancy.model.target import Position, Target


class FallingBackSite:
    """A site of ``--engine auto``.

    What env.py does is known before anything is changed, so each call can be made once more.
    """

    def __init__(
        self, brief: Brief, make: Callable[[Brief], Site], crew: Callable[[], Crew]
    ) -> None:
        self._brief = brief
        self._make = make
        self._crew = crew
        self._site = make(brief)

    def prepare(self, targets: list[Target]) -> Prepared:
        """Plan without changing anything.

        Raises:
            ConfigurationError: the request cannot be carried out for anybody.
        """
        try:
            return self._site.prepare(targets)
        except NotHonouredError as error:
            return self._fallen(error).prepare(targets)

    def look(self, targets: list[Target]) -> Iterator[Position]:
        """Yield where each target stands, in order."""
        try:
            yield from self._site.look(targets)
        except NotHonouredError as error:  # before the first of them
            yield from self._fallen(error).look(targets)

    def run(self, targets: list[Target]) -> None:
        """Move the targets and prove it.

        Raises:
            ConfigurationError: the request cannot be carried out for anybody; nothing changed.
        """
        try:
            self._site.run(targets)
        except NotHonouredError as error:
            self._fallen(error).run(targets)

    def close(self) -> None:
        """Leave no connection behind."""
        self._site.close()

    def _fallen(self, error: NotHonouredError) -> Site:
        brief = self._brief
        brief.listener(Warned(f"{error}: so env.py migrates every tenant by itself"))
        self._site.close()
        # The reader too is one that leaves the migrations to env.py.
        asked = replace(brief, options=replace(brief.options, engine=Engine.ENV))
        self._site = EnvSite(asked, self._make(asked), self._crew, str(error))
        return self._site
