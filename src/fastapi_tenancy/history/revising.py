"""Writes a revision file as `alembic revision` does, or leaves nothing behind."""

from __future__ import annotations

import re
import traceback
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import Script
from alembic.script.revision import RevisionError
from alembic.util import CommandError, rev_id

from fastapi_tenancy.errors import ConfigurationError, ScriptError, TenancyError, said
from fastapi_tenancy.history import ambient
from fastapi_tenancy.history.aimed import Aim, compared
from fastapi_tenancy.history.arguments import config_for, url_for, with_driver
from fastapi_tenancy.history.contained import contained
from fastapi_tenancy.history.identity import Identity
from fastapi_tenancy.history.scripts import History, load_config
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.url import masked

_NO_ID = re.compile(r"[^\w.]")
Found = list[list[Any]]
"""What Alembic found out, each a list of what is to become a file."""
Scripts = Script | list[Script | None] | None
Write = Callable[[dict[str, Any], Found], Scripts]
_TEMPLATE = "script.py.mako"
_BEHIND = "Target database is not up to date"
"""What Alembic says of a database that stands elsewhere than the scripts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a new revision is to be; the names are those of ``alembic revision``."""

    message: str | None = None
    head: str = "head"
    splice: bool = False
    branch_label: str | None = None
    version_path: str | None = None
    rev_id: str | None = None
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """The files that were written; ``empty`` where a comparison found no difference."""

    scripts: tuple[Script, ...]
    empty: bool


def write_revision(
    history: History, draft: Draft, *, url: str | None = None, extra: tuple[str, ...] = ()
) -> Written:
    """Write a revision; env.py is run only where ``revision_environment`` asks for it.

    Args:
        url: the database env.py finds as ``sqlalchemy.url``.
        extra: the user's own ``-x`` arguments.

    Raises:
        ConfigurationError: there can be no such revision; nothing was written.
    """
    config = load_config(history.ini, history.section)
    if url is not None:
        _name(config, with_driver(url, config.get_alembic_option("sqlalchemy.url") or ""))
    config.cmd_opts = Namespace(x=list(extra))

    def write(given: dict[str, Any], found: Found) -> Scripts:
        def keep(_context: Any, _revision: Any, directives: list[Any]) -> None:
            found.append(directives)  # the list itself: env.py may change it afterwards

        with contained("env.py", ScriptError):
            return command.revision(config, **given, process_revision_directives=keep)

    return _write(history, draft, config, write, autogenerate=False)


def autogenerate_revision(
    history: History, draft: Draft, target: Target, aim: Aim, extra: tuple[str, ...] = ()
) -> Written:
    """Write what the models have and a target has not; nothing where nothing differs.

    Args:
        aim: where the target is looked at; env.py itself is told of the target too.

    Raises:
        ConfigurationError: there can be no such revision; nothing was written.
        ScriptError: env.py failed; nothing was written.
    """
    plain, identity = load_config(history.ini, history.section), Identity(target)
    config = config_for(plain, identity, extra)
    _name(config, url_for(plain, target))
    # Alembic would say what it writes, beside what we say.
    history.directory.messaging_opts = {"quiet": True}

    def write(given: dict[str, Any], found: Found) -> Scripts:
        made = compared(history, identity, config, given, aim)
        found.append(made.generated_revisions)
        if all(ops.is_empty() for d in made.generated_revisions for ops in d.upgrade_ops_list):
            return []
        return list(made.generate_scripts())

    return _write(history, draft, config, write, autogenerate=True)


def _name(config: Config, url: str) -> None:
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))


def _write(
    history: History, draft: Draft, config: Config, write: Write, *, autogenerate: bool
) -> Written:
    _require_possible(history, draft)
    given: dict[str, Any] = {**asdict(draft), "rev_id": draft.rev_id or rev_id()}
    given |= {"depends_on": list(draft.depends_on) or None, "autogenerate": autogenerate}
    given["sql"] = False
    # Projects look at the options of the command in env.py; quiet, because we say what was written.
    vars(config.cmd_opts).update(given, quiet=True)
    found: Found = []
    ambient.install()
    with _all_or_nothing(history, given["rev_id"], found), _in_words(history):
        written = write(given, found)
    directives = [d for made in found[-1:] for d in made]
    scripts = written if isinstance(written, list) else [written]
    return Written(
        tuple(script for script in scripts if script is not None),
        empty=all(ops.is_empty() for d in directives for ops in d.upgrade_ops_list),
    )


def _require_possible(history: History, draft: Draft) -> None:
    """Refuse what Alembic would say less about, or would do although it breaks the history."""
    if draft.rev_id in history.known:
        raise ConfigurationError(
            f"there is a revision {draft.rev_id!r} already: {history.script(draft.rev_id).path}."
            " An id names one revision; choose another, or leave --rev-id out"
        )
    if draft.rev_id and _NO_ID.search(draft.rev_id):
        raise ConfigurationError(
            f"{draft.rev_id!r} cannot be the id of a revision, which names its file too; expected"
            " letters, digits, _ and ."
        )
    if draft.head == "head" and len(history.heads) > 1:
        raise ConfigurationError(
            f"the scripts have several heads ({', '.join(history.heads)}); say with --head which"
            " of them the new revision comes after, or join them first with `alembic merge heads`"
        )
    for revision in (draft.head, *draft.depends_on):
        if revision not in ("head", "heads", "base"):
            history.require(revision)


@contextmanager
def _all_or_nothing(history: History, ours: str, found: Found) -> Iterator[None]:
    """Remove what was written when the rest fails: a hook after it, or a template of no use."""
    before = set(_files(history))
    try:
        yield
    except BaseException:
        ids = {ours, *(d.rev_id for made in found for d in made)}
        for path in set(_files(history)) - before:
            text = path.read_text(errors="replace")
            # Somebody else may be writing a revision at this moment.
            if any(name in text or name in path.name for name in ids):
                path.unlink(missing_ok=True)
                with suppress(NotImplementedError):
                    Path(cache_from_source(str(path))).unlink(missing_ok=True)
        raise


def _files(history: History) -> Iterator[Path]:
    for folder in history.directory._version_locations:
        yield from Path(folder).rglob("*.py")


@contextmanager
def _in_words(history: History) -> Iterator[None]:
    try:
        yield
    except TenancyError as error:
        raise type(error)(f"{str(error).rstrip('.')}. Nothing was written") from error
    except (CommandError, RevisionError) as error:
        if _BEHIND in str(error):
            raise ConfigurationError(_elsewhere(history)) from error
        text = masked(" ".join(str(error).split())).rstrip(".")
        raise ConfigurationError(f"Alembic refuses: {text}. Nothing was written") from error
    except Exception as error:
        raise ScriptError(_failed(history, error)) from error


def _elsewhere(history: History) -> str:
    return (
        f"what the models are compared with does not stand at {', '.join(history.heads) or 'base'}"
        " any more: somebody migrated it meanwhile. Run it again. Nothing was written"
    )


def _failed(history: History, error: Exception) -> str:
    folder = str(Path(history.directory.dir).resolve())
    if isinstance(error, FileNotFoundError) and Path(error.filename or "").name == _TEMPLATE:
        return (
            f"there is no {error.filename}, the template that new revisions are made from. Copy it"
            " from a folder that `alembic init` or `tenancy init` made. Nothing was written"
        )
    frames = [f for f in traceback.extract_tb(error.__traceback__) if folder in f.filename]
    where = f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else "the new revision"
    # Without SQLAlchemy's wrapping, where there is one.
    text = " ".join(said(getattr(error, "orig", None) or error).split())
    return (
        f"{where} failed: {type(error).__name__}: {masked(text).rstrip('.')}. Nothing was written"
    )
