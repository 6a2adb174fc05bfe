"""Renders revisions without a connection and says which road each one can take, and why."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import Any, cast

from sqlalchemy.dialects.postgresql import psycopg as psycopg_dialect
from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import CompileError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BindParameter

from fastapi_tenancy.engine.control import control
from fastapi_tenancy.engine.excerpts import excerpt
from fastapi_tenancy.engine.statements import outside_transaction
from fastapi_tenancy.engine.trace import (
    EnvironmentFace,
    NeedsConnection,
    Trace,
    TracingContext,
    TracingOperations,
)
from fastapi_tenancy.engine.watch import watching
from fastapi_tenancy.errors import MigrationFailedError, TenancyError, said
from fastapi_tenancy.history import ambient
from fastapi_tenancy.history.arguments import config_for, x_arguments
from fastapi_tenancy.history.contained import contained
from fastapi_tenancy.history.environment import Environment
from fastapi_tenancy.history.identity import Identity, running_for
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.model.plan import Move, Road, Step
from fastapi_tenancy.model.script import Classified, Rendered, Statement
from fastapi_tenancy.model.target import Target

_SHOWN = 120
"""Characters of an error shown in a reason."""


def dialect_of(target: Target) -> Dialect:
    """The dialect of a target's database, for SQL that is read as it stands."""
    # "named" keeps % single; every other style would double it in the text.
    dialect: Any
    if target.is_file:
        dialect = pysqlite.dialect(paramstyle="named")
    else:
        dialect = psycopg_dialect.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
        # SQLAlchemy 2.0 doubles backslashes until a server has said that it need not.
        dialect._backslash_escapes = False
    base = dialect.statement_compiler
    dialect.statement_compiler = type(base.__name__, (_ValuesCompiler, base), {})
    return cast(Dialect, dialect)


class _ValuesCompiler(SQLCompiler):
    """Refuses what a driver would refuse: offline, Alembic writes NULL for a missing value."""

    def render_literal_bindparam(
        self, bindparam: BindParameter[Any], *given: Any, **options: Any
    ) -> str:
        if bindparam.required and bindparam.value is None and bindparam.callable is None:
            raise CompileError(f"a value is required for bind parameter {bindparam.key!r}")
        literal: str = super().render_literal_bindparam(bindparam, *given, **options)  # type: ignore[no-untyped-call]
        return literal


class Renderer:
    """Renders the revisions of one history; each is classified once in a run."""

    def __init__(
        self,
        history: History,
        environment: Environment,
        dialect: Dialect,
        extra: tuple[str, ...] = (),
    ) -> None:
        self._history = history
        self._environment = environment
        self._extra = extra
        self._dialect = dialect
        self._classified: dict[tuple[str, bool], Classified] = {}

    def classify(self, move: Move, sample: Target) -> Classified:
        """Say which road this move takes; ``sample`` is any target of the run."""
        key = (move.revision, move.upgrade)
        if key not in self._classified:
            self._classified[key] = self._judge(move, sample)
        known = self._classified[key]
        # The same revision may change other version rows from another position.
        step = Step(move, known.step.road, known.step.reason)
        rendered = Rendered(move, known.rendered.statements) if known.rendered else None
        return Classified(step, rendered, known.leaves)

    def render(self, move: Move, target: Target) -> Rendered:
        """Render this move for one target.

        Raises:
            NeedsConnection: it reached for a connection this time.
        """
        trace = self._trace(move, target)
        reason = _reach(trace) or _controls(trace)
        if reason:
            raise NeedsConnection(reason)
        return Rendered(move, _placed(trace))

    def _judge(self, move: Move, sample: Target) -> Classified:
        if self._environment.options.get("on_version_apply"):
            return _live(move, "env.py passes on_version_apply, whose callbacks get a connection")
        if self._environment.translate:
            return _live(move, "env.py sets a schema_translate_map on its connection")
        try:
            first = self._trace(move, sample, watched=True)
            reason = _reach(first)
            second = first if reason else self._trace(move, sample)
        except Exception as error:
            return _live(move, f"does not render: {_short(error)}")
        reason = reason or _reach(second)
        reason = reason or _controls(first)
        if reason:
            return _live(move, f"needs a connection: {reason}")
        statements = _placed(first)
        leaves = any(s.autocommit for s in statements)
        reason = _own_values(first, second)
        if reason:
            return Classified(Step(move, Road.PER_TENANT, reason), None, leaves)
        step = Step(move, Road.REPLAY, "renders without a connection, the same statements twice")
        return Classified(step, Rendered(move, statements), leaves)

    def _trace(self, move: Move, target: Target, *, watched: bool = False) -> Trace:
        trace = Trace()
        identity = Identity(target, trace.identity.append)
        config = config_for(self._history.config, identity, self._extra)
        arguments = x_arguments(identity, self._history.config, self._extra)
        face = EnvironmentFace(config, self._history.directory, arguments, trace)
        context = TracingContext(self._dialect, dict(self._environment.options), trace)
        operations = TracingOperations(context, trace)
        watch: Any = (
            watching(trace.chance.append, trace.reach) if watched else contextlib.nullcontext()
        )
        with (
            ambient.active(op=operations, context=face),
            running_for(identity),
            contextlib.suppress(NeedsConnection),
            contained("the revision", MigrationFailedError, NeedsConnection),
            watch,
        ):
            self._history.function(move)(**self._environment.run_arguments)
        return trace


def _placed(trace: Trace) -> tuple[Statement, ...]:
    """The statements, those that PostgreSQL refuses in a transaction marked as leaving it."""
    return tuple(
        Statement(s.sql, s.autocommit or outside_transaction(s.sql))
        for s in trace.statements
        if s.sql
    )


def _reach(trace: Trace) -> str | None:
    return trace.needs_connection[0] if trace.needs_connection else None


def _controls(trace: Trace) -> str | None:
    found = next((c for c in (control(s.sql) for s in trace.statements) if c), None)
    return f"a transaction of its own ({found})" if found else None


def _live(move: Move, reason: str) -> Classified:
    return Classified(Step(move, Road.LIVE, reason), None)


def _own_values(first: Trace, second: Trace) -> str | None:
    """Why each target needs a render of its own, or None."""
    if first.identity:
        return f"depends on the tenant: {first.identity[0]}"
    if first.chance:
        return f"uses random or time values: {first.chance[0]}"
    if Counter(first.statements) != Counter(second.statements):
        return "two renders differ: it makes values of its own each time"
    return None


def _short(error: Exception) -> str:
    line = (said(error).strip().splitlines() or [""])[0]
    line = excerpt(line, _SHOWN)
    return line if isinstance(error, TenancyError) else f"{type(error).__name__}: {line}"
