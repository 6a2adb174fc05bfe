"""Both roads from the same start, compared."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi_tenancy.model.plan import Command
from project import Done, Project
from snapshot import snapshot

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
    mine, theirs = snapshot(project.url), snapshot(copy)
    assert mine.structures == theirs.structures
    assert mine.rows == theirs.rows
    assert mine.sequences == theirs.sequences
    assert mine.dump == theirs.dump
    if not re.search(r"(^|@)[+-]", revision):
        again = project.run(fleet, revision, command, **options)
        assert set(again.kinds.values()) == {"already there"}
    return done
