"""Replays rendered stages: one message per transaction, or statement by statement outside."""

from __future__ import annotations

from collections import Counter

import psycopg

from fastapi_tenancy.engine.alone import run_alone
from fastapi_tenancy.engine.digest import digest
from fastapi_tenancy.engine.lease import Lease
from fastapi_tenancy.engine.live import Check
from fastapi_tenancy.engine.residue import residue_of
from fastapi_tenancy.engine.session import Session
from fastapi_tenancy.engine.statements import outside_transaction
from fastapi_tenancy.engine.version_table import changes_sql, guard_sql
from fastapi_tenancy.model.plan import Move
from fastapi_tenancy.model.script import Rendered, Stage, Statement

_TABLE = "\x00version table\x00"
"""Stands for the version table in a body; NUL is the one character no statement can hold."""
_JOIN = "\n;\n"
"""On a line of its own: a statement may end in a comment."""


class Body:
    """The text of a transactional stage, made once and aimed at target after target."""

    def __init__(self, rendered: tuple[Rendered, ...], *, with_changes: bool) -> None:
        """Args:
        with_changes: False where the guard itself changes the version row.
        """
        parts: list[str] = []
        for one in rendered:
            parts += [s.sql.rstrip().rstrip(";") for s in one.statements]
            if with_changes:
                parts += changes_sql(_TABLE, one.move.changes)
        self._text = _JOIN.join(parts)
        self.residue = residue_of(rendered)
        """What it may leave in the session."""

    def message(self, head: list[str], table: str, closing: list[str]) -> str:
        """The whole message: what aims and guards it, then the body, then what ends it."""
        return _JOIN.join([*head, self._text.replace(_TABLE, table), *closing])


def run_leaving(
    session: Session,
    stage: Stage,
    rendered: Rendered,
    table: str,
    lease: Lease,
    check: Check | None = None,
) -> None:
    """Run a move that leaves its transaction; a marker keeps what is done if we are killed.

    Args:
        lease: taken by the caller; keeps other runners away, knows what an earlier one has done.
        check: looks at the result before the last commit, the one that moves the version row.
    """
    sent: Counter[str] = Counter(lease.marker.sent) if lease.marker else Counter()
    statements = _left(rendered.statements, sent)
    try:
        while statements:
            statements = _step(session, statements, sent, lease)
        _finish(session, stage, rendered, table, lease, check)
    except BaseException:
        lease.give_up(session)
        raise


def _left(statements: tuple[Statement, ...], sent: Counter[str]) -> tuple[Statement, ...]:
    """The statements that an interrupted run has not done."""
    done = sent.copy()
    left = []
    for statement in statements:
        key = digest(statement.sql)
        if done[key]:
            done[key] -= 1
        else:
            left.append(statement)
    return tuple(left)


def _step(
    session: Session, statements: tuple[Statement, ...], sent: Counter[str], lease: Lease
) -> tuple[Statement, ...]:
    """Run the first statement, with those that share its transaction; those left to run."""
    end = _run_together(statements)
    sent.update(digest(s.sql) for s in statements[: max(1, end)])
    if end:
        texts = [s.sql.rstrip().rstrip(";") for s in statements[:end]]
        whole = [session.prefix, *texts]
        lease.advance(sent, lambda mark: session.send(_JOIN.join([*whole, mark, *session.closing])))
    else:
        end = 1
        run_alone(session, statements[0].sql, resumed=lease.resumed)
        lease.advance(sent, session.note)
    lease.resumed = False
    return statements[end:]


def _finish(
    session: Session,
    stage: Stage,
    rendered: Rendered,
    table: str,
    lease: Lease,
    check: Check | None,
) -> None:
    changes = changes_sql(table, rendered.move.changes)
    cleared = lease.clear_sql() or ""
    last = _JOIN.join(
        [session.prefix, guard_sql(table, stage.before), *changes, cleared, *session.closing]
    )
    if check is None:
        session.send(last)
        return
    with session.raw.transaction():
        session.send(last)
        check(session.raw)


def locate(
    session: Session, rendered: tuple[Rendered, ...], head: list[str]
) -> tuple[Move, str] | None:
    """Find the statement a message failed at, by sending them one by one and rolling back."""
    session.stain(residue_of(rendered))
    with session.raw.transaction(force_rollback=True):
        session.send(_JOIN.join([session.prefix, *head]))
        for one in rendered:
            for statement in one.statements:
                try:
                    session.send(statement.sql)
                except psycopg.Error:
                    return one.move, statement.sql
    return None


def _run_together(statements: tuple[Statement, ...]) -> int:
    """How many of the first statements share a transaction; none when the first can have none."""
    end = 0
    while end < len(statements) and not statements[end].autocommit:
        end += 1
    return end or int(not outside_transaction(statements[0].sql))
