"""Runs env.py with the migrations left out, and keeps what it passed to Alembic."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic.runtime.environment import EnvironmentContext

from fastapi_tenancy.errors import ConfigurationError, ScriptError
from fastapi_tenancy.history import ambient
from fastapi_tenancy.history.arguments import config_for, rehearsal_url
from fastapi_tenancy.history.contained import contained
from fastapi_tenancy.history.harmless import rehearsing
from fastapi_tenancy.history.identity import Identity, running_for
from fastapi_tenancy.history.scripts import History, load_config
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.url import masked

_one_at_a_time = threading.RLock()
"""Held around env.py: the logging and the standard output it may change belong to the process."""


@dataclass(frozen=True, slots=True)
class Capture:
    """What env.py passed for one target.

    ``translate`` is the schema_translate_map of its connection; ``looked`` names what it
    looked at of the target's identity.
    """

    target: Target
    options: dict[str, Any]
    run_arguments: dict[str, Any]
    translate: Mapping[str | None, str | None]
    looked: tuple[str, ...]


class _Capturing(EnvironmentContext):
    """An EnvironmentContext whose migrations are left out."""

    def __init__(self, *args: Any, identity: Identity, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.identity = identity
        self.captured: list[dict[str, Any]] = []
        self.run_arguments: dict[str, Any] = {}
        self.translate: Mapping[str | None, str | None] = {}

    def configure(self, *args: Any, **kw: Any) -> None:
        logger = logging.getLogger("alembic.runtime.migration")
        quiet, logger.disabled = logger.disabled, True
        try:
            super().configure(*args, **kw)
        finally:
            logger.disabled = quiet
        self.captured.append(dict(self.context_opts))
        connection = self.get_context().connection
        if connection is not None:
            self.translate = connection.get_execution_options().get("schema_translate_map") or {}

    def begin_transaction(self) -> Any:
        return nullcontext()

    def run_migrations(self, **kw: Any) -> None:
        self.run_arguments = kw

    def get_x_argument(self, as_dictionary: bool = False) -> Any:
        self.identity.note("context.get_x_argument()")
        return super().get_x_argument(as_dictionary=as_dictionary)


def run_env(history: History, target: Target, extra: tuple[str, ...]) -> Capture:
    """Run env.py for ``target``.

    Raises:
        ScriptError: env.py failed, or never called ``context.configure``.
        ConfigurationError: it configures several targets by itself.
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
        with (
            _one_at_a_time,
            ambient.active(context=environment),
            running_for(identity),
            rehearsing(),
            _logging_kept(),
            contextlib.redirect_stdout(sys.stderr),
            contained("env.py", ScriptError),
        ):
            history.directory.run_env()
    except ScriptError:
        raise
    except Exception as error:
        raise ScriptError(_env_failed(history, error)) from error
    if not environment.captured:
        raise ScriptError(
            f"{history.directory.env_py_location} never called context.configure();"
            " the engine reads the project's options there"
        )
    if len(environment.captured) > 1:
        raise ConfigurationError(
            f"{history.directory.env_py_location} calls context.configure()"
            f" {len(environment.captured)} times: it loops over schemas or databases itself. Here"
            " every tenant is migrated on its own: let env.py configure the one schema named by"
            " context.get_x_argument(as_dictionary=True).get('schema'), and loop only without it"
        )
    return Capture(
        target,
        environment.captured[0],
        environment.run_arguments,
        environment.translate,
        tuple(looked),
    )


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


def _env_failed(history: History, error: Exception) -> str:
    folder = str(Path(history.directory.dir).resolve())
    frames = [f for f in traceback.extract_tb(error.__traceback__) if folder in f.filename]
    where = f", line {frames[-1].lineno}" if frames else ""
    # Without SQLAlchemy's wrapping, where there is one.
    text = " ".join(str(getattr(error, "orig", None) or error).split())
    return (
        f"{history.directory.env_py_location}{where} failed:"
        f" {type(error).__name__}: {masked(text).rstrip('.')}. Nothing was changed"
    )
