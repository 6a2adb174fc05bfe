"""The demo act by act: status, upgrade, a failure and its repair, plain Alembic beside it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.syntax import Syntax

from fastapi_tenancy.cli.demo import tables
from fastapi_tenancy.cli.demo.cast import WARM_UP, Cast, Player
from fastapi_tenancy.cli.demo.compare import compare, estimate
from fastapi_tenancy.cli.demo.interrupt import Interrupts
from fastapi_tenancy.cli.demo.plain import upgrade_in_a_loop
from fastapi_tenancy.cli.demo.rows import REPAIR, repair_rows
from fastapi_tenancy.cli.demo.stage import (
    create_schemas,
    drop_schemas,
    open_fleet,
    put_at_start,
    schema_of,
)
from fastapi_tenancy.cli.progress import progress
from fastapi_tenancy.engine.status import summarize
from fastapi_tenancy.migrations.fleet import Fleet
from fastapi_tenancy.model.outcome import OutcomeKind, Report
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.url import DatabaseUrl

ALL = Selection()


@dataclass(frozen=True, slots=True)
class Acts:
    """A fleet put in place, and somebody to show it to."""

    console: Console
    bar_console: Console
    fleet: Fleet
    cast: Cast
    address: DatabaseUrl
    project: Path
    interrupts: Interrupts

    def status(self, title: str) -> None:
        """Show where the tenants stand."""
        started = time.perf_counter()
        options = self.fleet.options(Command.UPGRADE, "head")
        status = summarize(self.fleet.history(), self.fleet.standings(options, ALL))
        took = time.perf_counter() - started
        self._title(title, "tenancy status")
        self.console.print(tables.status_table(status))
        self._say(f"{status.total} tenants read in {_ms(took)}.")

    def explain(self) -> None:
        """Show how each revision will reach the tenants."""
        self._title("How each revision travels", "tenancy explain")
        self.console.print(
            tables.steps_table(self.fleet.explain(self.fleet.options(Command.UPGRADE, "head")))
        )
        self._say(
            "[green]replay[/]: rendered once, the same SQL for everybody\n"
            "[cyan]per-tenant[/]: rendered anew for each\n"
            "[yellow]live[/]: run through Alembic, on a connection that stands in the tenant"
        )

    def upgrade(self) -> Report:
        """Upgrade everybody; one cannot be."""
        self._title("Upgrade", "tenancy upgrade --create")
        report = self._upgrade()
        moved = report.counts()[OutcomeKind.MIGRATED]
        self.console.print(tables.roads_table(report))
        self._say(
            f"[bold]{moved} tenants migrated in {report.duration_s:.1f} s[/]"
            f" ({moved / report.duration_s:,.0f} tenants/s), each read back afterwards. Of every"
            " starting point, one tenant went live and one was replayed, and both had to be equal"
            " before the rest followed."
        )
        for failure in report.failures():
            self.console.print()
            self.console.print(
                Panel(
                    escape(failure.error or ""),
                    title=f"[bold red]failed: {escape(failure.target.tenant.identifier)}[/]",
                    title_align="left",
                    border_style="red",
                )
            )
            self._say(
                f"Its own rows are the cause. It stands at {escape(','.join(failure.to_heads))},"
                " where its last transaction ended; the others were not held up."
            )
        return report

    def repair(self) -> None:
        """Mend the rows of the broken tenant."""
        self._title("Repair the one that failed", None)
        schema = schema_of(self.cast.broken)
        sql = f"SET LOCAL search_path TO {schema};\n{REPAIR};"
        self.console.print(Syntax(sql, "sql", background_color="default"))
        changed = repair_rows(self.address, schema)
        self._say(f"{changed} invoices that had been imported twice got numbers of their own.")

    def upgrade_again(self) -> tuple[Report, Report]:
        """Upgrade the rest, and then nobody."""
        self._title("Upgrade again", "tenancy upgrade")
        second = self._upgrade()
        counts = second.counts()
        self._say(
            f"{counts[OutcomeKind.MIGRATED]} tenant migrated, {counts[OutcomeKind.THERE]} were"
            f" there already, in {_ms(second.duration_s)}."
        )
        third = self._upgrade(quietly=True)
        total = third.counts()[OutcomeKind.THERE]
        self._say(
            f"Once more, with nothing to do: {total} tenants checked in {_ms(third.duration_s)}"
            f" ({total / third.duration_s:,.0f} tenants/s)."
        )
        return second, third

    def plain_alembic(self, report: Report, sample: tuple[Player, ...]) -> bool:
        """Take plain Alembic's time, and compare what both leave; True when it is the same."""
        each = len(sample) // len({p.start for p in sample})
        self._title("Plain Alembic, for comparison", "alembic -x schema=... upgrade head")
        self._say(
            f"{len(sample)} fresh tenants, {each} for each starting point, with the same rows, on"
            " the same server: alembic.command.upgrade in a loop, in one process, warmed up first."
        )
        seconds = self._loop(sample)
        agreements = compare(self.address, self.cast, sample)
        estimates = estimate(self.cast, report, sample, seconds)
        drop_schemas(self.address, [schema_of(p) for p in sample])
        self.console.print(tables.estimates_table(estimates, each))
        plain = sum(e.all_s for e in estimates)
        self._say(
            f"Plain Alembic took {sum(seconds):.1f} s for these {len(sample)} and would take"
            f" about {plain:.1f} s for the {sum(e.tenants for e in estimates)} that the engine"
            f" migrated. The engine took {report.duration_s:.1f} s for them, proofs included:"
            f" [bold]{_ratio(plain, report.duration_s)}[/]."
        )
        self.console.print()
        self.console.print(tables.agreements_table(agreements))
        return all(a.holds for a in agreements)

    def _loop(self, sample: tuple[Player, ...]) -> list[float]:
        warm_up = schema_of(WARM_UP)
        schemas = [schema_of(p) for p in sample]
        file = self.project.parent / "sample.sqlite3"
        catalogue = DatabaseUrl(f"sqlite:///{file}")
        apart = open_fleet(self.project, self.address, catalogue, (*sample, WARM_UP))
        with self.console.status("plain Alembic at work ..."):
            put_at_start(apart, sample, self.address, self.interrupts)
            create_schemas(self.address, [*schemas, warm_up])
            seconds = upgrade_in_a_loop(self.project, [warm_up, *schemas], catalogue)
        drop_schemas(self.address, [warm_up])
        file.unlink()
        return seconds[1:]

    def _upgrade(self, *, quietly: bool = False) -> Report:
        options = self.fleet.options(Command.UPGRADE, "head", create=True)
        if quietly:
            return self.interrupts.run(self.fleet, options, ALL)
        with progress(self.bar_console) as listener:
            return self.interrupts.run(self.fleet, options, ALL, listener)

    def _title(self, title: str, command: str | None) -> None:
        told = f"[bold]{title}[/]" + (f"  [dim]{escape(command)}[/]" if command else "")
        self.console.print()
        self.console.rule(told, align="left", style="blue")

    def _say(self, text: str) -> None:
        self.console.print(text, highlight=False)


def _ratio(plain_s: float, engine_s: float) -> str:
    ratio = plain_s / engine_s
    if ratio < 1:
        return f"{1 / ratio:.1f} times slower, as proofs weigh more than so few tenants"
    return f"{ratio:.1f} times faster"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms" if seconds < 2 else f"{seconds:.1f} s"
