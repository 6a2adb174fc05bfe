"""Which tables of the models hold rows of several tenants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Table

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.isolation.policy import TenantPolicy
from fastapi_tenancy.model.tenant import IsolationStrategy

MARK = "tenant_rls"
"""The key of ``Table.info``: True, False, or the name of the column."""
OPTION = "tenancy_rls"
"""Under this name ``context.configure`` may be told the marking; else the settings say it."""


@dataclass(frozen=True, slots=True)
class Marking:
    """How tables of several tenants are known.

    With ``by_column`` every table that has the column is one, unless it says itself that it is not.
    """

    column: str
    setting: str
    by_column: bool

    def policy(self, table: Table) -> TenantPolicy | None:
        """What has to keep the rows of a table apart; None where they are nobody's or everybody's.

        Raises:
            ConfigurationError: it is marked with something else, or with a column it has not.
        """
        column = self._column(table)
        if column is None:
            return None
        return TenantPolicy(
            table=table.name, column=column, schema=table.schema, setting=self.setting
        )

    def _column(self, table: Table) -> str | None:
        mark = table.info.get(MARK)
        if mark is None:
            return self.column if self.by_column and self.column in _names(table) else None
        if mark is False:
            return None
        column = self.column if mark is True else mark
        if not isinstance(column, str):
            raise ConfigurationError(
                f"the table {table.name} has info[{MARK!r}] = {mark!r}; expected True, False, or"
                " the name of the column that says whose a row is"
            )
        if column not in _names(table):
            raise ConfigurationError(
                f"the table {table.name} is marked by info[{MARK!r}], but has no column {column};"
                " add it, or name the one that says whose a row is"
            )
        return column


def marking_of(config: TenancyConfig) -> Marking:
    """As the settings say: by the column where tenants share tables, else by the mark alone."""
    by_column = IsolationStrategy.RLS in config.strategies
    return Marking(config.rls_column, config.rls_setting, by_column)


def marking_in(options: Mapping[str, object]) -> Marking:
    """The marking that ``context.configure`` was told, else that of the working directory.

    Raises:
        ConfigurationError: a setting that cannot be used.
    """
    given = options.get(OPTION)
    return given if isinstance(given, Marking) else marking_of(TenancyConfig())


def _names(table: Table) -> set[str]:
    return {column.name for column in table.columns}
