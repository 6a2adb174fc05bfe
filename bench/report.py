"""Shows what was found: a table for people, a document for machines."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.finding import Finding
from bench.sizes import Size

_PARTS = ("fastapi-tenancy", "alembic", "sqlalchemy", "psycopg")


def show(findings: Sequence[Finding], console: Console) -> None:
    """Print a line for each finding, and what its figure was made of."""
    table = Table(title="Medians over the rounds, lowest to highest in brackets")
    for heading in ("measured", "against", "found", "goal", ""):
        table.add_column(heading, overflow="fold")
    for one in findings:
        spread = f" ({_short(min(one.rounds))} to {_short(max(one.rounds))})"
        found = f"{_short(one.middle)}{spread if len(one.rounds) > 1 else ''} {one.unit}"
        goal = f"{'at least' if one.at_least else 'less than'} {one.goal:g} {one.unit}"
        met = "[green]reached[/]" if one.reached else "[red]falls short[/]"
        table.add_row(one.ours, one.against, found, goal, met)
    console.print(table)


def write(findings: Sequence[Finding], size: Size, server: str, seconds: float, file: Path) -> None:
    """Write everything that was found, and where it was measured."""
    document = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "machine": f"{os.cpu_count()} CPUs, {platform.platform()}",
        "python": platform.python_version(),
        "postgresql": server,
        "packages": {name: version(name) for name in _PARTS},
        "size": {name: getattr(size, name) for name in size.__slots__},
        "findings": [one.as_dict() for one in findings],
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, indent=2) + "\n")


def _short(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"
