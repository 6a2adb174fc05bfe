"""The fleet commands that change tenants."""

from __future__ import annotations

from typing import Annotated

import typer

from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.parameters import Chosen, How, Where, command
from fastapi_tenancy.cli.runs import carry_out
from fastapi_tenancy.model.plan import Command

Target = Annotated[
    str, typer.Argument(help="An id, a part of one, a label, head, heads, +1, -1 or base.")
]


@command
def upgrade(
    output: Output, where: Where, chosen: Chosen, how: How, revision: Target = "head"
) -> int:
    """Bring every tenant up to a revision, and prove that it is there."""
    return carry_out(output, Command.UPGRADE, revision, where, chosen, how)


@command
def downgrade(output: Output, where: Where, chosen: Chosen, how: How, revision: Target) -> int:
    """Take tenants down to a revision; asks first when there are several."""
    return carry_out(output, Command.DOWNGRADE, revision, where, chosen, how)


@command
def stamp(output: Output, where: Where, chosen: Chosen, how: How, revision: Target) -> int:
    """Write a revision into version tables and run nothing; asks first for several tenants."""
    return carry_out(output, Command.STAMP, revision, where, chosen, how)
