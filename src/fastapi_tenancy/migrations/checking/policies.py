"""Looks whether tables that tenants share keep their rows apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import MetaData, Table

from fastapi_tenancy.isolation.policy import POLICY, TenantPolicy
from fastapi_tenancy.migrations.checking.finding import Finding, Subject
from fastapi_tenancy.migrations.rls.judging import Problem, problems
from fastapi_tenancy.migrations.rls.marking import Marking
from fastapi_tenancy.observe.policies import TableSecurity, securities, security_sql

Key = tuple[str | None, str]


@dataclass(frozen=True, slots=True)
class Shared:
    """Which tables hold rows of several tenants, as models and settings say."""

    marking: Marking
    tables: dict[Key, Table]

    @classmethod
    def of(cls, marking: Marking, metadata: Iterable[MetaData]) -> Shared:
        """As these models say."""
        return cls(
            marking, {(t.schema, t.name): t for each in metadata for t in each.tables.values()}
        )

    @property
    def any(self) -> bool:
        """True where there may be such tables."""
        return self.marking.by_column or any(map(self.marking.policy, self.tables.values()))

    def schemas(self) -> list[str]:
        """The schemas that the models name."""
        return sorted({schema for schema, _ in self.tables if schema is not None})

    def wanted(self, found: TableSecurity) -> TenantPolicy | None:
        """What has to keep the rows of a table apart; None where nothing has to.

        A table that the models do not know is judged by its column.
        """
        for key in ((found.schema, found.table), (None, found.table)):
            if key in self.tables and (key[0] is not None or found.visible):
                return self.marking.policy(self.tables[key])
        column = self.marking.column
        if self.marking.by_column and column in found.columns:
            return TenantPolicy(table=found.table, column=column, setting=self.marking.setting)
        return None

    def query(self) -> str:
        """The SQL that reads them."""
        return security_sql(self.schemas())

    def judged(
        self, rows: Iterable[Sequence[Any]], where: str, own: str = ""
    ) -> tuple[int, list[Finding]]:
        """How many tables are meant, and what is wrong with some of them.

        Args:
            rows: what ``query`` gave.
            where: what they were read from, for people.
            own: the schema that is looked at, besides those that the models name; all if empty.
        """
        meant, found = 0, list[Finding]()
        looked_at = {own, *self.schemas()}
        for security in securities(rows):
            wanted = self.wanted(security)
            if wanted is not None and (not own or security.schema in looked_at):
                meant += 1
                found += list(self._told(security, wanted, where))
        return meant, found

    def _told(self, security: TableSecurity, wanted: TenantPolicy, where: str) -> Iterator[Finding]:
        for problem in problems(security, wanted):
            yield Finding(
                subject=Subject.POLICIES,
                where=where,
                table=security.table,
                schema=None if security.visible else security.schema,
                found=problem.found,
                do=_advice(problem, security),
                kind="enable_tenant_rls" if problem.mended else "",
                note=problem.note,
            )


def _advice(problem: Problem, security: TableSecurity) -> str:
    if problem.note:
        return f"op.enable_tenant_rls({security.table!r}) instead, whose policy compares texts, too"
    if problem.mended:
        return f"op.enable_tenant_rls({security.table!r}) in a revision"
    return (
        f"take that policy away, or let its expression be that of {POLICY}; permissive policies"
        " let through what any of them does"
    )
