"""Finds version rows that contradict each other: one lies on the way to another."""

from __future__ import annotations

from alembic.script import ScriptDirectory


def passed(directory: ScriptDirectory, heads: tuple[str, ...]) -> tuple[str, ...]:
    """Those of ``heads`` that another one has come through already, by ``down_revision`` alone.

    Revisions linked by ``depends_on`` may both have a row.
    """
    if len(heads) < 2:
        return ()
    behind: set[str] = set()
    for head in heads:
        behind |= _ancestors(directory, head)
    return tuple(head for head in heads if head in behind)


def _ancestors(directory: ScriptDirectory, revision: str) -> set[str]:
    found: set[str] = set()
    waiting = [revision]
    while waiting:
        script = directory.get_revision(waiting.pop())
        down = script.down_revision if script is not None else None
        for parent in (down,) if isinstance(down, str) else down or ():
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return found
