"""The commands about single revisions: show, and branches."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fastapi_tenancy.cli.exits import Exit
from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.parameters import Json, Where, command
from fastapi_tenancy.errors import UnknownRevisionError


@command
def show(
    output: Output,
    where: Where,
    revision: Annotated[str, typer.Argument(help="An id, a part of one, a label, head or heads.")],
    json: Json = False,  # noqa: ARG001 - Output knows it from the command line
) -> int:
    """Show one revision: its file, and what comes before and after it."""
    from fastapi_tenancy.cli.project import open_history
    from fastapi_tenancy.cli.tables import table

    known = open_history(where)
    documents = [_in_full(known.script(found)) for found in _named(known, revision)]
    if output.json:
        output.document({"revisions": documents})
        return Exit.DONE
    for number, document in enumerate(documents):
        if number:
            output.say()
        rows = ((key, _in_words(value)) for key, value in document.items())
        output.out.print(table(("field", "value"), rows))
    return Exit.DONE


@command
def branches(output: Output, where: Where, json: Json = False) -> int:  # noqa: ARG001
    """List the revisions that several others come after."""
    from fastapi_tenancy.cli.project import open_history
    from fastapi_tenancy.cli.tables import table

    scripts = open_history(where).directory.walk_revisions()
    documents = [_in_full(script) for script in scripts if script.is_branch_point]
    if output.json:
        output.document({"revisions": documents})
    elif documents:
        rows = [
            (d["revision"], ", ".join(d["children"]), ", ".join(d["labels"]), d["message"])
            for d in documents
        ]
        output.out.print(table(("revision", "before", "labels", "what"), rows))
    else:
        output.say("no revision branches: one at most comes after each")
    return Exit.DONE


def _named(known: Any, revision: str) -> tuple[str, ...]:
    """The ids that ``revision`` means.

    Raises:
        UnknownRevisionError: nothing of that id or label, or no revision at all.
    """
    from alembic.util.exc import CommandError

    known.require(revision)
    try:
        found = known.directory.get_revisions(revision)
    except CommandError:
        found = ()  # relative to where somebody stands, and here nobody does
    if not found:
        raise UnknownRevisionError(
            f"{revision!r} does not name a revision; expected an id or the beginning of one, a"
            " label, head or heads (`tenancy history` lists what there is)"
        )
    return tuple(sorted(script.revision for script in found))


def _in_full(script: Any) -> dict[str, Any]:
    """A revision as ``history`` gives it, with its children and its file."""
    from fastapi_tenancy.cli.documents import revision_document

    return {
        **revision_document(script),
        "children": sorted(script.nextrev),
        "path": str(script.path),
    }


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)
