"""What the demo shows, as tables: where tenants stand, which roads revisions take, how long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from fastapi_tenancy.cli.demo.compare import Agreement, Estimate
from fastapi_tenancy.engine.status import FleetStatus
from fastapi_tenancy.model.outcome import OutcomeKind, Report
from fastapi_tenancy.model.plan import Road, Step

NOTHING = "(no schema yet)"
_BAR = 36
_COLOURS = {Road.REPLAY: "green", Road.PER_TENANT: "cyan", Road.LIVE: "yellow", Road.ENV: "magenta"}


def status_table(status: FleetStatus) -> Table:
    """Tenants at each revision, oldest first, the head last."""
    counted = {NOTHING: status.missing + status.unversioned} | dict(sorted(status.positions))
    counted |= {head: counted.pop(head, 0) for head in status.heads}
    table = _table("stands at", "tenants", "")
    for revision, tenants in counted.items():
        if not tenants and revision not in status.heads:
            continue
        bar = Text("█" * round(_BAR * tenants / status.total) or ("▏" if tenants else ""))
        head = revision in status.heads
        bar.stylize("green" if head else "yellow")
        table.add_row(revision + (" (head)" if head else ""), str(tenants), bar)
    return table


def steps_table(steps: Iterable[Step]) -> Table:
    """What each revision does, the road it takes, and why where that is not replay."""
    table = _table("revision", "road", "what it does")
    for step in steps:
        what = Text(step.move.doc)
        if step.road is not Road.REPLAY:
            what.append(f"\n{step.reason}", style="dim")
        road = Text(step.road.value, style=_COLOURS[step.road])
        table.add_row(step.move.revision, road, what)
    return table


def roads_table(report: Report) -> Table:
    """How tenants ended, and by which roads those that moved came there."""
    ways = Counter((o.kind, o.road) for o in report.outcomes)
    table = _table("outcome", "tenants", "roads taken")
    for (kind, road), tenants in sorted(ways.items(), key=lambda item: -item[1]):
        style = "red" if kind is OutcomeKind.FAILED else "green"
        table.add_row(Text(kind.value, style=style), str(tenants), road.replace("+", ", ") or "-")
    return table


def estimates_table(estimates: Sequence[Estimate], sample: int) -> Table:
    """What plain Alembic took for each starting point, and would take for all of them."""
    table = _table("starting at", "tenants in the fleet", f"mean of {sample}, each", "for all")
    for one in estimates:
        each = f"{one.each_s * 1000:,.0f} ms"
        table.add_row(one.start or NOTHING, str(one.tenants), each, f"{one.all_s:,.1f} s")
    tenants, total = sum(e.tenants for e in estimates), sum(e.all_s for e in estimates)
    table.add_section()
    table.add_row("all", str(tenants), f"{1000 * total / tenants:,.0f} ms", f"{total:,.1f} s")
    return table


def agreements_table(agreements: Iterable[Agreement]) -> Table:
    """Whether both roads lead to the same structure and version rows."""
    table = _table("", "by the engine", "by plain Alembic", "structure and version rows")
    for one in agreements:
        verdict = Text("identical", "green") if one.holds else Text("DIFFERENT", "bold red")
        engine, alembic = one.by_engine.total(), one.by_alembic.total()
        table.add_row(one.kind, str(engine), str(alembic), verdict)
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(first, no_wrap=True)
    for name in others:
        number = name.startswith(("tenants", "mean", "for", "by"))
        table.add_column(name, justify="right" if number else "left")
    return table
