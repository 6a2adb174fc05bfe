"""Looks at the server after the work, and turns claims into proven outcomes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg

from fastapi_tenancy.engine.apply import make_durable
from fastapi_tenancy.engine.cohort import CohortRunner
from fastapi_tenancy.engine.recall import complete
from fastapi_tenancy.engine.shared import SharedSchemas
from fastapi_tenancy.engine.tally import Part
from fastapi_tenancy.engine.verify import UNREAD, verified
from fastapi_tenancy.errors import ServerUnreachableError
from fastapi_tenancy.model.outcome import OutcomeKind
from fastapi_tenancy.model.url import masked
from fastapi_tenancy.observe.connect import Line


class ReadBack:
    """The last part of a run; a server that cannot be looked at any more is told of."""

    def __init__(self, line: Line, tally: Part, warn: Callable[[str], None]) -> None:
        self._line = line
        self._tally = tally
        self._warn = warn

    def prove(self, runner: CohortRunner) -> None:
        """Read back what the workers claim: version rows of all, structures of some."""
        if not self._look(lambda c: self._positions(c, runner), "read back"):
            self._unproven()
        runner.structures.prove()

    def compare(self, shared: SharedSchemas) -> None:
        """Compare the schemas that no migration of a tenant may change."""
        self._look(lambda c: self._compare(c, shared), "compare shared schemas")

    def _look(self, look: Callable[[psycopg.Connection], None], purpose: str) -> bool:
        try:
            look(self._line.connection())
        except (psycopg.Error, ServerUnreachableError) as error:
            self._warn(f"could not {purpose} after the run: {masked(str(error))}")
            return False
        return True

    def _positions(self, connection: psycopg.Connection, runner: CohortRunner) -> None:
        outcomes = self._tally.migrated()
        if not outcomes:
            return
        make_durable(connection)
        schemas = [o.target.schema for o in outcomes]
        with ThreadPoolExecutor(1) as pool:
            recalling = pool.submit(runner.recall, schemas)
            self._look(runner.structures.read, "read structures back")
            recalled = recalling.result()
        if len(recalled) < len(schemas):
            runner.disconnect()  # what reads the rest may need their room
        positions = complete(self._line, schemas, recalled, runner.version_table)
        for outcome in verified(outcomes, positions):
            self._tally.correct(outcome)

    def _unproven(self) -> None:
        for outcome in self._tally.migrated():
            self._tally.correct(
                replace(
                    outcome,
                    kind=OutcomeKind.FAILED,
                    error=UNREAD,
                )
            )

    def _compare(self, connection: psycopg.Connection, shared: SharedSchemas) -> None:
        for difference in shared.differences(connection):
            self._tally.differ(difference)
        for schema in shared.locked:
            self._warn(
                f"{schema} was not compared with itself before the run: another session kept an"
                " object of it locked"
            )
