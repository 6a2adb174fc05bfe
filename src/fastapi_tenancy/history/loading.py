"""Loads the revision files; what is wrong with one is told with its name."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic.script import Script, ScriptDirectory
from alembic.script.revision import RevisionMap
from alembic.util import to_tuple
from alembic.util.exc import CommandError

from fastapi_tenancy.errors import ScriptError, said
from fastapi_tenancy.history.contained import contained


def load_into(directory: ScriptDirectory) -> None:
    """Have this script directory load its files through here, all of them when first asked for."""
    directory.revision_map = RevisionMap(lambda: _checked(directory))


def refuse_without_function(script: Script, *, upgrade: bool) -> None:
    """Refuse a revision that cannot go this way.

    Raises:
        ScriptError: its file has no ``upgrade``, or no ``downgrade``.
    """
    name = "upgrade" if upgrade else "downgrade"
    if not callable(getattr(script.module, name, None)):
        raise ScriptError(
            f"the revision file {script.path} has no function {name}(); expected one, with `pass`"
            " where nothing is to be done. Nothing was changed"
        )


def _checked(directory: ScriptDirectory) -> list[Script]:
    """The scripts of a directory.

    Raises:
        ScriptError: one cannot be loaded, two have one id, or one comes after what is not there.
    """
    known: dict[str, Script] = {}
    for path in _files(directory):
        with _named(path):
            script = Script._from_path(directory, path)
        if script is None:
            continue
        other = known.setdefault(script.revision, script)
        if other is not script:
            raise ScriptError(
                f"two files have the revision id {script.revision!r}: {other.path} and"
                f" {script.path}. An id names one revision: give one of them a new id, or remove"
                " it. Nothing was changed"
            )
    scripts = list(known.values())
    labels = {x for s in scripts for x in s._orig_branch_labels or ()}
    for script in scripts:
        _refuse_missing(script, known.keys() | labels)
    return scripts


def _files(directory: ScriptDirectory) -> Iterator[Path]:
    """The files of all version locations, each once."""
    seen: set[Path] = set()
    for folder in directory._version_locations:
        for path in Script._list_py_dir(directory, folder) if folder.exists() else ():
            real = path.resolve()
            if real not in seen:
                seen.add(real)
                yield real


def _refuse_missing(script: Script, known: set[str]) -> None:
    wanted = (
        ("down_revision", to_tuple(script.down_revision, default=())),
        ("depends_on", to_tuple(script.dependencies, default=())),
    )
    for name, revisions in wanted:
        for revision in revisions:
            if revision not in known:
                raise ScriptError(
                    f"the revision file {script.path} names {name} {revision!r}, which no revision"
                    " file has; expected the full id of another one. Bring the missing file here,"
                    f" or correct {name}. Nothing was changed"
                )


@contextmanager
def _named(path: Path) -> Iterator[None]:
    what = f"the revision file {path}"
    try:
        with contained(what, ScriptError):
            yield
    except ScriptError as error:
        raise ScriptError(f"{str(error).removesuffix('.')}. Nothing was changed") from error
    except CommandError as error:
        raise ScriptError(f"{what}: {error}") from error
    except SyntaxError as error:
        raise ScriptError(_not_python(path, error)) from error
    except Exception as error:
        raise ScriptError(_failed(path, error)) from error


def _not_python(path: Path, error: SyntaxError) -> str:
    if error.lineno is None:
        return (
            f"the revision file {path} is not Python source: {error.msg or error}. Nothing was"
            " changed"
        )
    return (
        f"the revision file {error.filename} has a syntax error in line {error.lineno}:"
        f" {error.msg}. Nothing was changed"
    )


def _failed(path: Path, error: Exception) -> str:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    where = f", line {frames[-1].lineno}," if frames else ""
    text = (
        f"the revision file {path}{where} cannot be loaded: {type(error).__name__}: {said(error)}"
    )
    if not frames and isinstance(error, TypeError):
        text += "; revision, down_revision, branch_labels and depends_on are expected to be texts"
    return f"{text.rstrip('.')}. Nothing was changed"
