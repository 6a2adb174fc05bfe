"""`tenancy doctor`: looks at everything, changes nothing, and says what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fastapi_tenancy.cli.exits import Exit
from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.parameters import Json, Where, command

if TYPE_CHECKING:
    from fastapi_tenancy.cli.checking.finding import Finding


@command
def doctor(
    output: Output,
    where: Where,
    json: Json = False,  # noqa: ARG001 - Output knows it from the command line
) -> int:
    """Check settings, scripts, servers and version tables, and say what to do."""
    from fastapi_tenancy.cli.checking.examine import examine
    from fastapi_tenancy.cli.checking.finding import Weight
    from fastapi_tenancy.model.url import masked

    found = list(examine(where))
    actions = sum(f.weight is Weight.ACTION for f in found)
    if output.json:
        rows = [
            {
                "check": f.check,
                "weight": f.weight.value,
                "found": masked(f.found),
                "do": masked(f.do) or None,
            }
            for f in found
        ]
        output.document({"fine": not actions, "findings": rows})
    else:
        _show(output, found)
        ends = "finding needs" if actions == 1 else "findings need"
        output.say(f"{actions} {ends} something done" if actions else "all is well")
    return Exit.FAILED if actions else Exit.DONE


def _show(output: Output, found: Sequence[Finding]) -> None:
    from fastapi_tenancy.cli.checking.finding import Weight
    from fastapi_tenancy.cli.findings import Told, show_findings
    from fastapi_tenancy.model.url import masked

    colours = {Weight.FINE: "green", Weight.NOTE: "cyan", Weight.ACTION: "bold red"}
    told = (
        Told(f.weight.value, (f.check,), masked(f.found), masked(f.do), colours[f.weight])
        for f in found
    )
    show_findings(output, ("", "check"), told)
