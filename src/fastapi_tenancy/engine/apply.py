"""Carries one target through its stages and says what came of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import psycopg
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect

from fastapi_tenancy.engine.contested import WAIT, contested
from fastapi_tenancy.engine.lease import Lease, Leases
from fastapi_tenancy.engine.leaving import Leaving
from fastapi_tenancy.engine.live import Check
from fastapi_tenancy.engine.project import Project
from fastapi_tenancy.engine.replay import Body, locate, run_leaving
from fastapi_tenancy.engine.residue import Residue, residue_of
from fastapi_tenancy.engine.session import Session
from fastapi_tenancy.engine.version_table import (
    expected_sql,
    guard_sql,
    heads_sql,
    move_sql,
    swap_sql,
)
from fastapi_tenancy.isolation.names import qualified, quote
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.model.plan import Move
from fastapi_tenancy.model.script import Stage
from fastapi_tenancy.model.target import Position, PositionState, Target
from fastapi_tenancy.observe.positions import WAIT_MS


def make_durable(connection: psycopg.Connection) -> None:
    """Wait until every commit before this one is on disk, and on the standbys waited for.

    A commit that wrote something flushes all of the log before it, and an empty message is the
    least that every role may write.
    """
    connection.execute("SELECT pg_logical_emit_message(true, 'tenancy', '')")


@dataclass(slots=True)
class Progress:
    """Where a target is, for the message if it fails."""

    stage: Stage | None = None
    move: Move | None = None
    statement: str | None = None
    """The one that is running, where a failure of it could not be told otherwise."""
    roads: set[str] = field(default_factory=set)
    recorded: dict[str, list[str]] = field(default_factory=dict)
    """Statements each live move sent, by revision; kept only where somebody compares them."""


class Applier:
    """Everything of a run that stays the same from target to target."""

    def __init__(
        self,
        project: Project,
        isolation: IsolationProvider,
        leases: Leases,
    ) -> None:
        self._project = project
        self._environment = project.environment
        self._isolation = isolation
        self._leases = leases
        self._bodies: dict[int, tuple[Stage, Body]] = {}
        self._contested: dict[int, tuple[Stage, bool]] = {}
        self._making = threading.Lock()
        dialect: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
        self._version_table_sql = project.version_table_sql(dialect)

    def version_place(self, target: Target) -> tuple[str, str]:
        """The version table of a target and the schema it is in, unquoted."""
        return self._environment.version_table, self._environment.version_schema or target.schema

    def table(self, target: Target) -> str:
        """The quoted version table of a target, qualified where its schema is known."""
        table, schema = self.version_place(target)
        return qualified(schema, table) if schema else quote(table)

    def run_stage(
        self,
        session: Session,
        target: Target,
        stage: Stage,
        position: Position,
        progress: Progress,
        *,
        record: bool = False,
        check: Check | None = None,
    ) -> None:
        """Run one stage; it is committed when this returns.

        Args:
            record: keep the statements that live moves send.
            check: looks at the result before the last commit; what it raises rolls back.

        Raises:
            Exception: whatever the database or the revision raised.
        """
        progress.stage, progress.move = stage, None
        progress.roads |= {c.step.road.value for c in stage.steps}
        head = [*self._waiting(stage), *self.head(target, stage, position)]
        if stage.live:
            self._run_live(session, target, stage, head, progress, record, check)
        elif stage.leaves:
            self._run_leaving(session, target, stage, head, progress, check)
        elif check is None:
            session.send(self._message(session, target, stage, head))
        else:
            with session.raw.transaction():
                session.send(self._message(session, target, stage, head))
                check(session.raw)

    def run_at_once(self, session: Session, target: Target, stage: Stage) -> list[str]:
        """Run a replayed stage of one swap where it is believed to begin, and read the heads.

        One message, where looking first and afterwards takes three: it fails as a whole, and
        changes nothing, at a target that stands elsewhere or is half done.

        Raises:
            psycopg.Error: the stage failed, or does not begin there.
        """
        name, schema = self.version_place(target)
        table, swap = self.table(target), stage.swap
        assert swap is not None  # noqa: S101 - as the caller has seen
        found = expected_sql(schema, name, swap.new or "")
        # What has to wait longer, for its version table perhaps, is looked at as any other.
        opening = ["BEGIN", f"SET LOCAL lock_timeout = {WAIT_MS}", session.opening]
        opening += [*self._waiting(stage), move_sql(table, swap), found]
        body = self._body(stage, target)
        session.stain(body.residue)
        message = body.message([o for o in opening if o], table, session.closing)
        session.require_going_on()
        try:
            return session.ask("\n;\n".join([message, "COMMIT", heads_sql(table)]))
        except psycopg.Error:
            if not session.raw.closed and not session.idle:
                session.raw.rollback()
            raise

    def locate(
        self, session: Session, target: Target, stage: Stage, position: Position
    ) -> tuple[Move, str] | None:
        """Find the statement at which a replayed transactional stage fails; changes nothing."""
        if stage.live or stage.leaves:
            return None
        head = self.head(target, stage, position)
        return locate(session, self._project.rendered(stage, target), head)

    def _run_leaving(
        self,
        session: Session,
        target: Target,
        stage: Stage,
        head: list[str],
        progress: Progress,
        check: Check | None,
    ) -> None:
        table = self.table(target)
        (rendered,) = self._project.rendered(stage, target)
        session.stain(residue_of([rendered]))
        session.send("; ".join([session.prefix.rstrip("; "), *head]))
        lease = Lease(self._leases, table, session)
        lease.take(session, rendered.move, stage.before)
        progress.move = rendered.move
        run_leaving(session, stage, rendered, table, lease, check)

    def _message(self, session: Session, target: Target, stage: Stage, head: list[str]) -> str:
        opening = [session.opening, *head]
        if stage.swap is not None:
            opening[1:] = [*self._waiting(stage), *swap_sql(self.table(target), stage.swap)]
        body = self._body(stage, target)
        session.stain(body.residue)
        return body.message(opening, self.table(target), session.closing)

    def _run_live(
        self,
        session: Session,
        target: Target,
        stage: Stage,
        head: list[str],
        progress: Progress,
        record: bool,
        check: Check | None,
    ) -> None:
        known = {c.step.move: c.rendered for c in stage.steps}
        session.stain(Residue.SESSION)

        def started(move: Move | None) -> None:
            session.lending.recorded = None
            if move is not None:
                progress.move = move
                if record:
                    session.lending.recorded = progress.recorded.setdefault(move.revision, [])

        try:
            self._project.live.run(
                session,
                target,
                stage,
                head=head,
                leaving=Leaving(Lease(self._leases, self.table(target), session)),
                render=lambda move: known[move] or self._project.render(move, target),
                started=started,
                check=check,
            )
        finally:
            session.lending.recorded = None

    def _waiting(self, stage: Stage) -> list[str]:
        """What makes the stage wait for others like it, where it touches what tenants share."""
        known = self._contested.get(id(stage))
        if known is None:
            moves = [c.step.move for c in stage.steps]
            found = contested(moves, self._project.history, self._isolation.shared_schemas())
            known = self._contested[id(stage)] = (stage, found)
        return [WAIT] if known[1] else []

    def head(self, target: Target, stage: Stage, position: Position) -> list[str]:
        """What opens the first transaction of a stage: the guard, or what is missing so far."""
        first = not stage.before and position.state is not PositionState.VERSIONED
        if not first:
            return [guard_sql(self.table(target), stage.before)]
        made = self._version_table_sql(self.table(target))
        if position.state is PositionState.MISSING:
            return [self._isolation.create_sql(target), made]
        return [made]

    def _body(self, stage: Stage, target: Target) -> Body:
        if not stage.same_for_all:
            return self._made(stage, target)
        with self._making:
            kept = self._bodies.get(id(stage))
            if kept is None:
                kept = self._bodies[id(stage)] = (stage, self._made(stage, target))
        return kept[1]

    def _made(self, stage: Stage, target: Target) -> Body:
        return Body(self._project.rendered(stage, target), with_changes=stage.swap is None)
