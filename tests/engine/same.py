"""Both roads from the same start, compared."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi_tenancy.model.plan import Command, Engine
from project import Done, Project
from snapshot import Snapshot, snapshot

FLEET = ("a1", "a2", "a3", "a4", "a5")


def both_roads(
    project: Project,
    copied: Callable[[], str],
    fleet: Sequence[str] = FLEET,
    revision: str = "heads",
    command: Command = Command.UPGRADE,
    *,
    environ: Mapping[str, str] | None = None,
    **options: Any,
) -> Done:
    """Run the engine here and plain Alembic in a copy; both must come to the same in everything.

    A second run of the engine then has nothing to do.
    """
    copy = copied()
    done = project.run(fleet, revision, command, **options).require_success()
    refused = project.plain(fleet, revision, command.value, url=copy, environ=environ)
    assert refused == [None] * len(fleet)
    _equal(snapshot(project.url), snapshot(copy))
    if not re.search(r"(^|@)[+-]", revision):
        again = project.run(fleet, revision, command, **options)
        assert set(again.kinds.values()) == {"already there"}
    return done


def every_road(
    project: Project, copied: Callable[[], str], engines: Sequence[Engine], **options: Any
) -> dict[Engine, Done]:
    """Up to the heads by each engine, from the same start, and by plain Alembic once.

    Each comes to the same as plain Alembic in everything, and then has nothing to do.
    """
    start, copy = project.url, copied()
    places = {engine: copied() for engine in engines}
    assert project.plain(FLEET, "heads", url=copy) == [None] * len(FLEET)
    theirs, found = snapshot(copy), {}
    for engine, project.url in places.items():
        done = project.run(FLEET, "heads", engine=engine, **options).require_success()
        _equal(snapshot(project.url), theirs, engine)
        again = project.run(FLEET, "heads", engine=engine, **options)
        assert set(again.kinds.values()) == {"already there"}, engine
        found[engine] = done
    project.url = start
    return found


def _equal(mine: Snapshot, theirs: Snapshot, engine: Engine | None = None) -> None:
    assert mine.structures == theirs.structures, engine
    assert mine.rows == theirs.rows, engine
    assert mine.sequences == theirs.sequences, engine
    assert mine.dump == theirs.dump, engine
