"""The stand-ins a revision meets while it renders without a connection; they note every reach."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.engine.mock import MockConnection
from sqlalchemy.schema import ExecutableDDLElement

from fastapi_tenancy.model.script import Statement


class NeedsConnection(BaseException):
    """Ends a render; not an Exception, so that a revision's ``except Exception`` lets it pass."""


class Trace:
    """What one render did: its statements, and each reach for something rendering cannot give."""

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self.needs_connection: list[str] = []
        self.identity: list[str] = []
        self.chance: list[str] = []
        self.autocommit = False

    def emit(self, sql: str) -> None:
        """Keep one statement, in or out of an autocommit block."""
        self.statements.append(Statement(sql, self.autocommit))

    def reach(self, what: str) -> NoReturn:
        """Note that the revision needs a connection and end the render."""
        self.needs_connection.append(what)
        raise NeedsConnection(what)


def _called_by_library() -> bool:
    """True when the code that looks at an attribute is Alembic's, SQLAlchemy's or our own."""
    name = sys._getframe(2).f_globals.get("__name__") or ""
    return name.startswith(("alembic.", "sqlalchemy.", "fastapi_tenancy."))


class ContextFace:
    """What ``op.get_context()`` gives while rendering: its autocommit block and nothing else."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    @contextmanager
    def autocommit_block(self) -> Iterator[None]:
        """Mark the statements inside as ones that leave the transaction."""
        before, self._trace.autocommit = self._trace.autocommit, True
        try:
            yield
        finally:
            self._trace.autocommit = before

    def __getattr__(self, name: str) -> NoReturn:
        self._trace.reach(f"op.get_context().{name}")


class _TracingConnection(MockConnection):
    """Takes the DDL that SQLAlchemy emits for types and tables; anything else is a reach."""

    def __init__(self, context: MigrationContext, trace: Trace) -> None:
        super().__init__(context.dialect, self._dump)
        self._context = context
        self._trace = trace

    def _dump(self, construct: Any, *_: Any, **__: Any) -> None:
        self._context.impl._exec(construct)

    def execute(self, obj: Any, parameters: Any = None, execution_options: Any = None) -> Any:
        if isinstance(obj, ExecutableDDLElement) and not parameters and not execution_options:
            return self._context.impl._exec(obj)
        return self._trace.reach("connection.execute()")

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        self._trace.reach(f"connection.{name}")


def _rendering_impl(base: type[Any], trace: Trace) -> type[Any]:
    """A subclass of the dialect's impl that keeps statements whole and notes who looks at it."""

    def _exec(
        self: Any,
        construct: Any,
        execution_options: Any = None,
        multiparams: Any = None,
        params: Any = None,
    ) -> None:
        if execution_options:
            trace.reach("execution_options of op.execute()")
        if multiparams or params:
            trace.reach("SQL parameters")
        if isinstance(construct, str):
            construct = text(construct)
        ddl = isinstance(construct, ExecutableDDLElement)
        options = {} if ddl else {"compile_kwargs": {"literal_binds": True}}
        compiled = construct.compile(dialect=self.dialect, **options)
        _refuse_python_values(compiled, trace)
        trace.emit(str(compiled).strip())

    def watched(name: str) -> property:
        def get(self: Any) -> Any:
            if not _called_by_library():
                trace.reach(f"impl.{name}")
            return self.__dict__[name]

        def put(self: Any, value: Any) -> None:
            self.__dict__[name] = value

        return property(get, put)

    members: dict[str, Any] = {n: watched(n) for n in ("connection", "as_sql", "dialect")}
    members["_exec"] = _exec
    members["static_output"] = lambda *_: None
    return type("RenderingImpl", (base,), members)


def _refuse_python_values(compiled: Any, trace: Trace) -> None:
    """Column defaults made in Python and untyped empty arrays render as something else."""
    if getattr(compiled, "insert_prefetch", None) or getattr(compiled, "update_prefetch", None):
        trace.reach("a column default made in Python")
    flat = "".join(str(compiled).split()).upper()
    if flat.count("ARRAY[]") != flat.count("ARRAY[]::"):
        trace.reach("an empty array without a type")


class TracingContext(MigrationContext):
    """A MigrationContext without a connection that keeps statements instead of printing them."""

    def __init__(self, dialect: Any, opts: dict[str, Any], trace: Trace) -> None:
        self._trace = trace
        super().__init__(dialect, None, {**opts, "as_sql": True, "literal_binds": True})
        self.impl.__class__ = _rendering_impl(type(self.impl), trace)
        self.connection = self.impl.connection = _TracingConnection(self, trace)  # type: ignore[assignment]
        self.impl.__dict__["dialect"] = dialect
        self.impl.__dict__["as_sql"] = True


class TracingOperations(Operations):
    """Operations whose reaches for a connection are noted and end the render."""

    def __init__(self, context: TracingContext, trace: Trace) -> None:
        self._trace = trace
        super().__init__(context)

    @property
    def migration_context(self) -> Any:
        """Alembic sees the real context, a revision or custom operation only its face."""
        return self._context if _called_by_library() else ContextFace(self._trace)

    @migration_context.setter
    def migration_context(self, context: MigrationContext) -> None:
        self._context = context

    def get_context(self) -> Any:
        """Only the autocommit block can be had without a connection."""
        return ContextFace(self._trace)

    def get_bind(self) -> NoReturn:
        """Alembic's offline stand-in drops bound parameters, so asking for it is enough."""
        self._trace.reach("op.get_bind()")

    def run_async(self, *_: Any, **__: Any) -> NoReturn:
        """An async function needs the connection it is given."""
        self._trace.reach("op.run_async()")

    def batch_alter_table(self, *_: Any, **__: Any) -> NoReturn:
        """Batch mode may read the table it copies."""
        self._trace.reach("batch mode")


class EnvironmentFace:
    """What ``alembic.context`` gives a revision while it renders."""

    def __init__(self, config: Any, directory: Any, x: list[str], trace: Trace) -> None:
        self._config = config
        self._x = x
        self._trace = trace
        self.script = directory

    def get_x_argument(self, as_dictionary: bool = False) -> Any:
        """The x-arguments of the target: the render depends on its identity."""
        self._trace.identity.append("context.get_x_argument()")
        if as_dictionary:
            return {k: v for k, _, v in (a.partition("=") for a in self._x)}
        return list(self._x)

    @property
    def config(self) -> Any:
        """The configuration, whose attributes and arguments name the tenant."""
        self._trace.identity.append("context.config")
        return self._config

    def get_context(self) -> ContextFace:
        """As ``op.get_context()``."""
        return ContextFace(self._trace)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        self._trace.reach(f"context.{name}")
