"""Takes `-1` for a revision, as Alembic does, and not for an option."""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperCommand

_RELATIVE = re.compile(r"-\d+")


class RelativeCommand(TyperCommand):
    """A command whose argument may be a relative revision."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put relative revisions where no option is looked for."""
        if "--" in args:
            return super().parse_args(ctx, args)
        takes_value = {
            name
            for parameter in self.params
            if not getattr(parameter, "is_flag", False)
            for name in (*parameter.opts, *parameter.secondary_opts)
            if name.startswith("-")
        }
        moved = [
            at
            for at, text in enumerate(args)
            if _RELATIVE.fullmatch(text) and (at == 0 or args[at - 1] not in takes_value)
        ]
        rest = [text for at, text in enumerate(args) if at not in moved]
        if moved:
            rest += ["--", *(args[at] for at in moved)]
        return super().parse_args(ctx, rest)
