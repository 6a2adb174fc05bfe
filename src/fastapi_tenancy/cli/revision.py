"""`tenancy revision`: a new revision file, empty or of what models and migrations differ in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastapi_tenancy.cli.arguments import x_arguments
from fastapi_tenancy.cli.exits import Exit
from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.parameters import Extra, Json, Where, command

if TYPE_CHECKING:
    from fastapi_tenancy.history.revising import Draft, Written


@command
def revision(
    output: Output,
    where: Where,
    message: Annotated[
        str | None, typer.Option("--message", "-m", metavar="TEXT", help="What it is for.")
    ] = None,
    autogenerate: Annotated[
        bool,
        typer.Option("--autogenerate", metavar="", help="Write what the models have more."),
    ] = False,
    tenant: Annotated[
        str | None,
        typer.Option(
            metavar="IDENTIFIER",
            help="Compare with this one, not with what the migrations make.",
        ),
    ] = None,
    head: Annotated[
        str, typer.Option(metavar="REVISION", help="The revision that it comes after.")
    ] = "head",
    splice: Annotated[
        bool,
        typer.Option("--splice", metavar="", help="Let it branch off where no head is."),
    ] = False,
    branch_label: Annotated[
        str | None, typer.Option(metavar="LABEL", help="A name for the branch it begins.")
    ] = None,
    depends_on: Annotated[
        list[str] | None,
        typer.Option(metavar="REVISION", help="Needs this one to be there; repeatable."),
    ] = None,
    rev_id: Annotated[
        str | None, typer.Option(metavar="ID", help="Its id; made up otherwise.")
    ] = None,
    version_path: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Where, if there are several folders.")
    ] = None,
    x: Extra = None,
    json: Json = False,  # noqa: ARG001 - Output knows it from the command line
) -> int:
    """Write a new revision file, as `alembic revision` does."""
    from fastapi_tenancy.history.revising import Draft

    draft = Draft(
        message=message,
        head=head,
        splice=splice,
        branch_label=branch_label,
        depends_on=tuple(depends_on or ()),
        rev_id=rev_id,
        version_path=version_path,
    )
    if autogenerate:
        return _compared(output, where, draft, tenant, x_arguments(x))
    if tenant is not None:
        raise typer.BadParameter(
            "--tenant says whom --autogenerate compares the models with; say --autogenerate too"
        )
    return _plain(output, where, draft, x_arguments(x))


def _plain(output: Output, where: Where, draft: Draft, extra: tuple[str, ...]) -> int:
    from fastapi_tenancy.cli.project import open_config, open_history
    from fastapi_tenancy.history.revising import write_revision

    history, url = open_history(where), open_config(where).database_url
    written = write_revision(history, draft, url=url, extra=extra)
    _told(output, written)
    return Exit.DONE


def _compared(
    output: Output, where: Where, draft: Draft, tenant: str | None, extra: tuple[str, ...]
) -> int:
    from fastapi_tenancy.cli.project import meant_track
    from fastapi_tenancy.cli.undone import run_undone
    from fastapi_tenancy.migrations.comparing.tracks import request_of, require_own_head
    from fastapi_tenancy.migrations.comparing.writing import write_differences

    opened, every = meant_track(where)
    require_own_head(opened, every)
    request = request_of(opened, every, tenant, extra)
    if request.heads is not None and draft.head == "head":
        draft = replace(draft, head=opened.track.asked("head"))
    written = run_undone(
        lambda listener, stop: write_differences(request, draft, listener=listener, stop=stop),
        output,
    )
    _told(output, written, compared_with=tenant, empty=written.empty)
    other = "what the migrations make" if tenant is None else f"tenant {tenant}"
    if written.scripts:
        if opened.track.revision is not None and request.heads is None:
            told = f"the track {opened.track.name} is brought to {opened.track.revision} and no"
            output.say(f"{told} further: raise revision in its settings to roll it out")
        output.say(f"the models were compared with {other}; read it before it is used")
    else:
        output.say(f"no difference between the models and {other}: nothing was written")
    return Exit.DONE


def _told(output: Output, written: Written, **compared: Any) -> None:
    from fastapi_tenancy.cli.documents import revision_document

    if output.json:
        documents = [{**revision_document(s), "path": str(s.path)} for s in written.scripts]
        output.document({"revisions": documents, **compared})
    for script in written.scripts:
        output.say(f"wrote {script.path}")
