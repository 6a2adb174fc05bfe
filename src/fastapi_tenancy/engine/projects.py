"""The Alembic project as every server of a run sees it: env.py is run for one, not for each."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from fastapi_tenancy.engine.project import Project
from fastapi_tenancy.errors import TenancyError
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import IsolationStrategy

Kind = tuple[bool, bool, IsolationStrategy]
"""What env.py is told differently: a file or not, a schema or a whole database, the strategy."""


def kind_of(target: Target) -> Kind:
    """The kind of a target."""
    return target.is_file, bool(target.schema), target.strategy


@dataclass(slots=True)
class Projects:
    """What was loaded so far; servers that begin at once wait for whoever is first."""

    planning: threading.RLock = field(default_factory=threading.RLock)
    """Held while scripts are walked and rendered: Alembic is made for one thread."""
    _loading: threading.Lock = field(default_factory=threading.Lock)
    _loaded: dict[Kind, Project | TenancyError] = field(default_factory=dict)

    def of(self, kind: Kind, load: Callable[[], Project]) -> Project:
        """The project for targets of this kind; what went wrong for one goes wrong for all.

        Raises:
            TenancyError: as ``load``.
        """
        with self._loading:
            if kind not in self._loaded:
                try:
                    self._loaded[kind] = load()
                except TenancyError as error:
                    self._loaded[kind] = error
            found = self._loaded[kind]
        if isinstance(found, TenancyError):
            raise found
        return found
