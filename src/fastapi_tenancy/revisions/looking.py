"""Looks where the tenants of one place stand, in all of their histories, and judges it."""

from __future__ import annotations

from fastapi_tenancy.errors import ServerUnreachableError, TenancyError
from fastapi_tenancy.isolation.reach import require_reachable
from fastapi_tenancy.model.target import MISSING, Position, Target
from fastapi_tenancy.model.tenant import IsolationStrategy
from fastapi_tenancy.observe.elsewhere import is_missing
from fastapi_tenancy.observe.lines import Lines
from fastapi_tenancy.observe.look import Table, look_at
from fastapi_tenancy.revisions.judge import Judge, Judgement, Verdict, worst
from fastapi_tenancy.revisions.tables import VersionTables


class Looker:
    """Synchronous, safe to use from several threads; keeps connections between two looks.

    Args:
        timeout_s: seconds a server may take to answer a new connection.
    """

    def __init__(self, judges: tuple[Judge, ...], timeout_s: float) -> None:
        self.judges = judges
        self.timeout_s = timeout_s
        self.lines = Lines(timeout_s)
        self._tables = {judge.track.name: VersionTables(judge.history) for judge in judges}

    def verdict(self, target: Target) -> Verdict:
        """Whether the application serves who lives there.

        Raises:
            ServerUnreachableError: its server cannot be asked.
        """
        try:
            found = self._found(target)
        except ServerUnreachableError:
            raise
        except TenancyError as error:
            return Verdict(Judgement.UNREADABLE, str(error))
        return worst(j.judge(position) for j, position in zip(self.judges, found, strict=True))

    def table(self, judge: Judge, target: Target) -> Table:
        """The version table of a history at a target.

        Raises:
            ServerUnreachableError: its server did not take the connection.
            ConfigurationError: env.py failed, or cannot be used.
        """
        tables = self._tables[judge.track.name]
        if not (target.is_file or tables.knows(target)):
            # Before env.py, which may connect as well: what we say of a server is better.
            self.lines.look(target.address, lambda _line: None, keep=False)
        table = tables.of(target)
        return table.schema, table.name

    def _found(self, target: Target) -> list[Position]:
        require_reachable(target)
        try:
            tables = [self.table(judge, target) for judge in self.judges]
            return look_at(self.lines, target, tables, self.timeout_s)
        except ServerUnreachableError as error:
            alone = target.strategy is IsolationStrategy.DATABASE and not target.is_file
            if not (alone and answered(error) and is_missing(target, self.timeout_s)):
                raise
            return [MISSING] * len(self.judges)


def answered(problem: object) -> bool:
    """Whether a server was there, and refused."""
    return "FATAL" in str(problem)
