"""Runs env.py with the migrations left out, and keeps what it passed to Alembic."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alembic.runtime.environment import EnvironmentContext

from fastapi_tenancy.errors import ScriptError, said
from fastapi_tenancy.history import ambient
from fastapi_tenancy.history.arguments import config_for, rehearsal_url
from fastapi_tenancy.history.contained import contained
from fastapi_tenancy.history.harmless import rehearsing
from fastapi_tenancy.history.identity import Identity, running_for
from fastapi_tenancy.history.place import Place, place_of
from fastapi_tenancy.history.pragmas import read_pragmas
from fastapi_tenancy.history.scripts import History, load_config
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.url import masked

_one_at_a_time = threading.RLock()
"""Held around env.py: the logging and the standard output it may change belong to the process."""


ENOUGH = 2000
"""So many schemas of a loop are looked at; the target's own may come later, or never."""


@dataclass(slots=True)
class Call:
    """One call of ``context.configure`` and what was passed to ``run_migrations`` after it.

    ``translate`` is the schema_translate_map of its connection; ``place`` is where that leads;
    ``pragmas`` are what an SQLite one was told.
    """

    options: dict[str, Any]
    translate: Mapping[str | None, str | None]
    place: Place | None
    run_arguments: dict[str, Any] = field(default_factory=dict)
    pragmas: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Capture:
    """What env.py passed for one target.

    ``looked`` names what it looked at of the target's identity. An env.py that ``loops`` goes
    to several places; ``call`` is that for the target, or, where it is ``elsewhere``, another.
    """

    target: Target
    call: Call
    looked: tuple[str, ...]
    loops: bool = False
    elsewhere: bool = False

    @property
    def schema(self) -> str:
        """The schema that the call was for."""
        place = self.call.place
        return place.schema or "" if self.elsewhere and place is not None else self.target.schema


class Enough(BaseException):
    """What was wanted of env.py is done: the rest of its loop would tell nothing new."""


class _Capturing(EnvironmentContext):
    """An EnvironmentContext whose migrations are left out."""

    def __init__(self, *args: Any, identity: Identity, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.identity = identity
        self.own: Call | None = None
        self.last: Call | None = None
        self.calls = 0

    def configure(self, *args: Any, **kw: Any) -> None:
        if self.calls and (self.own is not None or self.calls >= ENOUGH):
            self.calls += 1
            raise Enough
        logger = logging.getLogger("alembic.runtime.migration")
        quiet, logger.disabled = logger.disabled, True
        try:
            super().configure(*args, **kw)
        finally:
            logger.disabled = quiet
        self._note(Call(dict(self.context_opts), {}, None))

    def _note(self, call: Call) -> None:
        self.calls += 1
        connection = self.get_context().connection
        if connection is not None:
            call.place = place_of(connection, call.options)
            if connection.dialect.name == "sqlite":
                call.pragmas = read_pragmas(connection.connection)
            call.translate = connection.get_execution_options().get("schema_translate_map") or {}
        self.last = call
        if call.place is not None and call.place.is_of(self.identity.target):
            self.own = call

    def begin_transaction(self) -> Any:
        return nullcontext()

    def run_migrations(self, **kw: Any) -> None:
        if self.last is not None:
            self.last.run_arguments = kw

    def get_x_argument(self, as_dictionary: bool = False) -> Any:
        self.identity.note("context.get_x_argument()")
        return super().get_x_argument(as_dictionary=as_dictionary)

    def captured(self, looked: tuple[str, ...]) -> Capture | None:
        """The call for the target; None where there was none at all."""
        call = self.own or self.last
        if call is None:
            return None
        loops = self.calls > 1
        return Capture(self.identity.target, call, looked, loops, loops and self.own is None)


def run_env(history: History, target: Target, extra: tuple[str, ...]) -> Capture:
    """Run env.py for ``target``.

    Raises:
        ScriptError: env.py failed, or never called ``context.configure``.
    """
    looked: list[str] = []
    identity = Identity(target, looked.append)
    plain = load_config(history.ini, history.section)
    url = rehearsal_url(plain, target)
    config = config_for(plain, identity, extra, url)
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    environment = _Capturing(
        config, history.directory, identity=identity, fn=lambda *_: (), as_sql=False
    )
    try:
        carry_out(history, environment, identity)
    except ScriptError:
        raise
    except Exception as error:
        raise ScriptError(env_failed(history, error)) from error
    capture = environment.captured(tuple(looked))
    if capture is None:
        raise ScriptError(
            f"{history.directory.env_py_location} never called context.configure();"
            " the engine reads the project's options there"
        )
    return capture


def carry_out(history: History, environment: EnvironmentContext, identity: Identity) -> None:
    """Run env.py, which finds ``environment`` as ``alembic.context``, without a trace of it.

    Raises:
        ScriptError: env.py ended the process.
        Exception: what env.py raised.
    """
    with (
        contextlib.suppress(Enough),
        _one_at_a_time,
        ambient.active(context=environment),
        running_for(identity),
        rehearsing(),
        _logging_kept(),
        contextlib.redirect_stdout(sys.stderr),
        contained("env.py", ScriptError, Enough),
    ):
        history.directory.run_env()


@contextlib.contextmanager
def _logging_kept() -> Iterator[None]:
    """Undo what env.py's fileConfig() does to the logging of the process it runs in."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    states = [(x, x.disabled, x.level, x.handlers[:], x.propagate) for x in _loggers()]
    try:
        yield
    finally:
        root.handlers[:], root.level = handlers, level
        for logger, disabled, old_level, old_handlers, propagate in states:
            logger.disabled, logger.propagate = disabled, propagate
            logger.setLevel(old_level)
            logger.handlers[:] = old_handlers
        # Another thread may have made some meanwhile, which fileConfig() disabled too.
        known = {logger for logger, *_ in states}
        for logger in _loggers():
            if logger not in known:
                logger.disabled = False


def _loggers() -> list[logging.Logger]:
    every = list(logging.Logger.manager.loggerDict.values())
    return [x for x in every if isinstance(x, logging.Logger)]


def env_failed(history: History, error: Exception) -> str:
    """What is said of an env.py that raised an error."""
    folder = str(Path(history.directory.dir).resolve())
    frames = [f for f in traceback.extract_tb(error.__traceback__) if folder in f.filename]
    where = f", line {frames[-1].lineno}" if frames else ""
    # Without SQLAlchemy's wrapping, where there is one.
    text = " ".join(said(getattr(error, "orig", None) or error).split())
    return (
        f"{history.directory.env_py_location}{where} failed:"
        f" {type(error).__name__}: {masked(text).rstrip('.')}. Nothing was changed"
    )
