"""The script for psql."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from fastapi_tenancy.engine.apply import Applier
from fastapi_tenancy.engine.lease import Leases
from fastapi_tenancy.engine.offline import OfflineScript
from fastapi_tenancy.engine.options import RunOptions
from fastapi_tenancy.engine.project import Project
from fastapi_tenancy.engine.session import Session
from fastapi_tenancy.engine.statements import aimed, outside_transaction
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.model.script import Stage
from fastapi_tenancy.model.target import UNVERSIONED, Position, PositionState, Target
from fastapi_tenancy.model.url import with_database
from fastapi_tenancy.observe.elsewhere import MAINTENANCE

_SECRET = ("password", "sslpassword", "passfile", "sslkey")


class PsqlScript(OfflineScript):
    """Says by itself which database a target is in, where that is not the same for all."""

    def __init__(
        self, isolation: IsolationProvider, options: RunOptions, *, connects: bool
    ) -> None:
        """Args:
        connects: the targets are in several databases.
        """
        self._isolation = isolation
        self._connects = connects
        self._at = ""
        # Never connects: only its prefix is asked for.
        self._session = Session(
            "", isolation.search_path, settings=options.settings, connect_timeout_s=0
        )

    def _turn_to(self, project: Project) -> None:
        leases = Leases(threading.Event(), lambda _: None)
        self._applier = Applier(project, self._isolation, leases)

    def _way_to(self, target: Target, position: Position) -> Iterator[str]:
        if position.state is PositionState.MISSING and not target.schema:
            yield _connect(with_database(target.address, MAINTENANCE[0]))
            yield f"{self._isolation.create_sql(target)};"
            self._at = ""
        if self._connects and self._at != target.database:
            yield _connect(target.address)
            self._at = target.database

    def _head(self, target: Target, stage: Stage, at: Position) -> list[str]:
        missing = at.state is PositionState.MISSING and not target.schema
        return self._applier.head(target, stage, UNVERSIONED if missing else at)

    def _table(self, target: Target) -> str:
        return self._applier.table(target)

    def _in_transaction(self, target: Target, statements: list[str]) -> str:
        self._session.aim(target, recycle_after=2**31)
        prefix = self._session.prefix
        # On lines of their own, as a statement may end in a comment.
        body = "\n;\n".join(s.rstrip().rstrip(";") for s in statements)
        return ";\n".join([*(["BEGIN", prefix] if prefix else ["BEGIN"]), body]) + "\n;\nCOMMIT;"

    def _alone(self, target: Target, statement: str) -> str | None:
        if not outside_transaction(statement):
            return None
        path = self._isolation.search_path(target)
        text = aimed(statement, target.schema) if path else statement
        if text is not None:
            return f"{text};"
        # In psql the session is the reader's own, so a setting that outlives a transaction is too.
        return f"SET search_path TO {path};\n{statement};\nRESET search_path;"


def _connect(address: str) -> str:
    """What turns psql to another database; passwords are the reader's own matter."""
    parts = conninfo_to_dict(address)
    shown = make_conninfo("", **{k: v for k, v in parts.items() if k not in _SECRET})
    quoted = shown.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n")
    return f"\\connect -reuse-previous=on '{quoted}'"
