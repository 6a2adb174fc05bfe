"""What is told at the end of a demo that was kept."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from rich.console import Console

from fastapi_tenancy.cli.demo.cast import Cast
from fastapi_tenancy.cli.demo.place import Place


def tell_how_to_play_on(console: Console, place: Place, cast: Cast) -> None:
    """Print the address, commands to try, and how to remove everything."""
    someone = cast.players[0].tenant
    commands = (
        f"cd {shlex.quote(str(place.folder / 'project'))}",
        f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH",
        f"export TENANCY_DATABASE_URL={shlex.quote(str(place.url))}",
        "tenancy status",
        "tenancy tenants list",
        f"tenancy current --tenant {someone.identifier}",
        "tenancy downgrade -3 --tag tier=gold --yes",
        "tenancy upgrade --dry-run",
        "tenancy upgrade",
        f"alembic -x tenant={someone.identifier} current",
    )
    console.print()
    console.rule("[bold]Kept, to play with[/]", align="left", style="blue")
    console.print("The server runs on, and alembic.ini of the project names it. Try:\n")
    for command in commands:
        _line(console, command)
    console.print("\nThis stops the server and removes everything:\n")
    _line(console, f"{shlex.quote(sys.executable)} {shlex.quote(str(place.cleaner))}")


def _line(console: Console, command: str) -> None:
    # Never wrapped: it is there to be copied.
    console.print(f"  {command}", markup=False, highlight=False, soft_wrap=True, style="cyan")
