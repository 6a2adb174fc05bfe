"""The graph of a script directory: which moves lie between a position and a revision."""

from __future__ import annotations

import re
from collections.abc import Iterable
from configparser import Error as IniError
from configparser import InterpolationError
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.migration import HeadMaintainer, RevisionStep
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import MultipleHeads, ResolutionError, RevisionError
from alembic.util.exc import CommandError

from fastapi_tenancy.errors import (
    ConfigurationError,
    NoRoadError,
    ScriptError,
    TenancyError,
    UnknownRevisionError,
    said,
)
from fastapi_tenancy.history.files import project_files
from fastapi_tenancy.history.loading import load_into, refuse_without_function
from fastapi_tenancy.history.modules import ModuleSource
from fastapi_tenancy.model.plan import Command, Move, Span, VersionChange

_RELATIVE = re.compile(r"(?:.+?@)?(?P<start>\w+)?[+-]\d+")
"""Relative destinations as Alembic spells them: +1, -2, ae10+1, label@+1."""


class _Recorder(HeadMaintainer):
    """Alembic's own bookkeeping of heads, writing down the rows instead of executing them."""

    def __init__(self, heads: Iterable[str]) -> None:
        self.heads = set(heads)
        self.changes: list[VersionChange] = []

    def _insert_version(self, version: str) -> None:
        self.heads.add(version)
        self.changes.append(VersionChange(None, version))

    def _delete_version(self, version: str) -> None:
        self.heads.remove(version)
        self.changes.append(VersionChange(version, None))

    def _update_version(self, from_: str, to_: str) -> None:
        self.heads.remove(from_)
        self.heads.add(to_)
        self.changes.append(VersionChange(from_, to_))


class History:
    """One Alembic script directory, loaded once.

    Raises:
        ConfigurationError: there is no such ini file, or it names no script directory.
        ScriptError: a revision file cannot be imported, or the graph is broken.
    """

    def __init__(self, ini: Path, section: str = "alembic") -> None:
        self.ini = ini
        self.section = section
        self.modules = ModuleSource()
        self.config = load_config(ini, section)
        try:
            self.directory = ScriptDirectory.from_config(self.config)
            load_into(self.directory)
            self.known = frozenset(s.revision for s in self.directory.walk_revisions())
        except (CommandError, RevisionError) as error:
            raise ConfigurationError(f"{ini}: {error}") from error
        except TenancyError:
            raise
        except Exception as error:
            raise ScriptError(
                f"{ini}: the scripts it names cannot be loaded:"
                f" {type(error).__name__}: {said(error)}"
            ) from error

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads of the scripts, sorted."""
        return tuple(sorted(self.directory.get_heads()))

    def script(self, revision: str) -> Script:
        """The script of a full revision id."""
        return self.directory.get_revision(revision)

    def function(self, move: Move) -> Any:
        """The function of this move, from a module executed just now."""
        return self.modules.function(self.script(move.revision), upgrade=move.upgrade)

    def position_of(self, revision: str) -> tuple[str, ...]:
        """The heads of a target that stands at a revision, sorted.

        Raises:
            UnknownRevisionError: nothing of that id or label, or it is not one revision.
        """
        if revision == "base":
            return ()
        self.require(revision)
        return tuple(sorted(s.revision for s in self.directory.get_revisions(revision)))

    def source(self, revision: str) -> str:
        """The text of a revision file in lower case, or nothing where only byte code exists."""
        path = Path(self.script(revision).path)
        return path.read_text(errors="replace").lower() if path.suffix == ".py" else ""

    def require(self, revision: str) -> None:
        """Refuse a revision that no position could be moved to.

        Raises:
            UnknownRevisionError: nothing of that id or label, or ``head`` with several heads.
            ConfigurationError: there are no revisions at all.
        """
        if not revision.strip():
            raise UnknownRevisionError(
                "the revision asked for is empty; expected an id, a label, head, heads or base"
            )
        if not self.known:
            folders = ", ".join(str(f) for f in self.directory._version_locations)
            raise ConfigurationError(
                f"no revision files in {folders}: expected at least one. Bring the folder back,"
                " correct script_location or version_locations, or write the first revision with"
                " `alembic revision`. Nothing was changed"
            )
        try:
            self.directory.get_revisions(revision)
        except CommandError as error:
            relative = _RELATIVE.fullmatch(revision)
            if relative is None:
                raise self._explained(revision, error) from error
            if relative["start"]:
                self.require(relative["start"])

    def span(self, command: Command, revision: str, heads: tuple[str, ...]) -> Span:
        """The moves from ``heads`` to ``revision``, exactly those plain Alembic would make.

        Raises:
            UnknownRevisionError: the revision is unknown or ambiguous.
            NoRoadError: it cannot be reached from these heads.
            ScriptError: a revision on the way has no function for it.
        """
        try:
            steps = self.steps(command, revision, heads)
        except CommandError as error:
            raise self._explained(revision, error) from error
        except AssertionError as error:  # all that Alembic says to r1+9 where that is too far
            raise NoRoadError(
                f"{revision!r} cannot be reached from here: it counts beyond the first revision or"
                " the last"
            ) from error
        except AttributeError as error:
            # Alembic takes the functions of all steps before it gives the first.
            for script in self.directory.walk_revisions():
                if script.module is error.obj:
                    refuse_without_function(script, upgrade=error.name == "upgrade")
            raise
        recorder = _Recorder(heads)
        moves = []
        for step in steps:
            recorder.changes = []
            recorder.update_to_step(step)
            moves.append(self._move(step, recorder))
            if command is not Command.STAMP:
                refuse_without_function(self.script(moves[-1].revision), upgrade=moves[-1].upgrade)
        after = tuple(sorted(recorder.heads))
        return Span(before=tuple(sorted(heads)), after=after, moves=tuple(moves))

    def steps(self, command: Command, revision: str, heads: tuple[str, ...]) -> list[Any]:
        """Alembic's own steps from ``heads`` to ``revision``.

        Raises:
            CommandError: as Alembic would.
        """
        if command is Command.UPGRADE:
            return list(self.directory._upgrade_revs(revision, heads))  # type: ignore[arg-type]
        if command is Command.DOWNGRADE:
            return list(self.directory._downgrade_revs(revision, heads))  # type: ignore[arg-type]
        return list(self.directory._stamp_revs(revision, heads))

    def _move(self, step: Any, recorder: _Recorder) -> Move:
        heads = tuple(sorted(recorder.heads))
        changes = tuple(recorder.changes)
        if isinstance(step, RevisionStep):
            script: Script = step.revision
            return Move(script.revision, step.is_upgrade, changes, heads, script.doc)
        return Move(",".join(step.to_revisions) or "base", step.is_upgrade, changes, heads)

    def _explained(self, revision: str, error: CommandError) -> UnknownRevisionError:
        cause = error.__cause__
        if isinstance(cause, MultipleHeads):
            heads = ", ".join(self.heads)
            return UnknownRevisionError(
                f"the scripts have several heads ({heads}), so {revision!r} does not name one."
                " Ask for one of them, for 'heads' to reach all, or merge them with"
                " `alembic merge heads`"
            )
        wanted = revision.rpartition("@")[2]
        several = sorted(r for r in self.known if r.startswith(wanted))
        if isinstance(cause, ResolutionError) and wanted and len(several) > 1:
            return UnknownRevisionError(
                f"more than one revision begins with {wanted}: {', '.join(several)}. Write more"
                " of the id"
            )
        if isinstance(cause, ResolutionError) or "Can't locate" in str(error):
            heads = ", ".join(self.heads) or "none"
            kind = NoRoadError if _RELATIVE.fullmatch(revision) else UnknownRevisionError
            return kind(
                f"no revision {revision!r} in {self.directory.dir} (heads: {heads});"
                f" `tenancy history` lists what there is. Alembic says: {error}"
            )
        if "Ambiguous walk" in str(error):
            return NoRoadError(
                f"{revision!r} counts through a merge, where it is not clear which branch is meant."
                " Name the revision itself (`tenancy history` lists them)"
            )
        return NoRoadError(f"{revision!r} cannot be reached from here: {error}")


def load_config(ini: Path, section: str = "alembic") -> Config:
    """Read an ini file as Alembic's own command would, and ``[tool.alembic]`` beside it.

    Args:
        ini: one of the two files; the other one in its folder is read where it is there.

    Raises:
        ConfigurationError: the file is not there, cannot be read, or has no such section.
    """
    path = Path(ini)
    file, toml = project_files(path)
    if file is None and toml is None:
        raise ConfigurationError(
            f"no {path.name} at {path.absolute()}, and no [tool.alembic] in a pyproject.toml there."
            " Run from the folder of your Alembic project, or name the file with --config"
            " (alembic_ini in tenancy.toml)"
        )
    if file is not None:
        _refuse_unreadable(file)
    config = Config(file, toml_file=toml, ini_section=section)
    if _option(config, path, "script_location") is None:
        raise ConfigurationError(
            f"{path} names no script_location in [{section}]; is it an Alembic configuration?"
        )
    _option(config, path, "sqlalchemy.url")
    return config


def _refuse_unreadable(path: Path) -> None:
    """ConfigParser passes over a file that it may not open, and names none that is no text."""
    try:
        path.read_text(encoding="locale")
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}. Expected an ini file that this user may read"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{path} is not a text file in {error.encoding} (byte {error.start} is not);"
            " is it an Alembic configuration?"
        ) from None


def _option(config: Config, path: Path, name: str) -> str | None:
    # `from None`: the parser's own errors quote the line, which may hold a password.
    try:
        return config.get_alembic_option(name)
    except InterpolationError:
        raise ConfigurationError(
            f"{name} in {path} holds a % that stands for nothing; in an ini file a percent sign"
            " is written twice: %%"
        ) from None
    except IniError as error:
        line = getattr(error, "lineno", None)
        where = f", line {line}" if line else ""
        raise ConfigurationError(
            f"{path}{where} is not a valid ini file ({type(error).__name__}); expected sections"
            " such as [alembic] with lines of the form name = value"
        ) from None
