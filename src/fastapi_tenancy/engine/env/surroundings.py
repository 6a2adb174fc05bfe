"""What a run of env.py may not change, and the connections it may take."""

from __future__ import annotations

from fastapi_tenancy.engine.brief import Brief
from fastapi_tenancy.engine.budget import check_budget
from fastapi_tenancy.engine.env.crew import crew_size
from fastapi_tenancy.engine.readback import ReadBack
from fastapi_tenancy.engine.shared import SharedSchemas
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.observe.connect import Line


class Surroundings:
    """The rest of a database in which each target is a schema."""

    def __init__(self, brief: Brief, sample: Target) -> None:
        self._brief = brief
        self._line = Line(sample.address, brief.options.connect_timeout_s)
        self._shared: SharedSchemas | None = None

    def look(self) -> None:
        """Look before anything is changed.

        Raises:
            BudgetError: the server has no room for so many connections.
        """
        brief = self._brief
        warning = check_budget(self._line.connection(), crew_size(brief.options.concurrency))
        if warning:
            brief.warn(warning)
        schemas = brief.isolation.shared_schemas()
        self._shared = SharedSchemas(self._line.connection(), schemas)

    def compare(self) -> None:
        """Compare it with what it was."""
        if self._shared is not None:
            ReadBack(self._line, self._brief.tally, self._brief.warn).compare(self._shared)

    def close(self) -> None:
        """Leave no connection behind."""
        self._line.close()
