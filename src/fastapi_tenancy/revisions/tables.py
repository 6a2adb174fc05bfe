"""Where the version tables of a track are, as its env.py says."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TypeAlias

from fastapi_tenancy.errors import ScriptError, TenancyError
from fastapi_tenancy.history.environment import read_environment
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.resolving.remembered import Remembered

PAUSE_S = 1.0
"""Seconds in which an env.py that failed is not run again."""
Kind: TypeAlias = tuple[bool, bool]
"""Whether a place is a file, and whether it is a schema."""


@dataclass(frozen=True, slots=True)
class VersionTable:
    """The name of a version table, and its schema where a whole database does not say it itself."""

    name: str
    schema: str = ""


class VersionTables:
    """Asks env.py once for each kind of place, and remembers what it said.

    What went wrong is remembered for a moment: env.py is the project's own, and may be slow.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._lock = threading.Lock()
        self._known: dict[Kind, VersionTable] = {}
        self._failed: Remembered[Kind, TenancyError] = Remembered(8, PAUSE_S)

    def knows(self, target: Target) -> bool:
        """Whether env.py need not be asked any more."""
        return _kind(target) in self._known

    def of(self, target: Target) -> VersionTable:
        """The version table of a target; safe to call from several threads.

        Raises:
            ScriptError: env.py failed.
            ConfigurationError: its options cannot be honoured for a fleet.
        """
        kind = _kind(target)
        known = self._known.get(kind)
        if known is None:
            with self._lock:
                known = self._known.get(kind) or self._asked(kind, target)
                self._known[kind] = known
        return replace(known, schema=target.schema or known.schema)

    def _asked(self, kind: Kind, target: Target) -> VersionTable:
        failed = self._failed.get(kind)
        if failed is not None:
            raise ScriptError(str(failed)) from failed
        try:
            environment = read_environment(self._history, (target,))
        except TenancyError as error:
            self._failed.put(kind, error)
            raise
        return VersionTable(environment.version_table, environment.version_schema or "")


def _kind(target: Target) -> Kind:
    return target.is_file, bool(target.schema)
