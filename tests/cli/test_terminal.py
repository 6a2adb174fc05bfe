"""On a terminal: a bar, colours, questions; elsewhere a line now and then, and no colours."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from rich.console import Console

from cli_desk import Desk
from cli_terminal import terminal
from fastapi_tenancy.cli import progress as progress_module
from fastapi_tenancy.cli.progress import progress
from fastapi_tenancy.model.event import Planned, TargetFinished, Warned
from fastapi_tenancy.model.outcome import Outcome, OutcomeKind
from fastapi_tenancy.model.plan import Cohort, Command, Plan, Span
from fastapi_tenancy.model.target import Position, Target
from fastapi_tenancy.model.tenant import Tenant

_COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|38;|9[0-7])[0-9;]*m")
SLOW = """
op.execute("SELECT pg_sleep(0.15)")
op.create_table("slow", sa.Column("id", sa.Integer))
"""


@pytest.fixture
def slow(fleet: Callable[..., Desk]) -> Desk:
    """A fleet whose next revision takes long enough to be watched; one tenant fails."""
    desk = fleet("acme", "bolt", "crux", "dove", at="0001")
    desk.revision("0002", "0001", "slow", SLOW, 'op.drop_table("slow")')
    desk.sql("CREATE TABLE tenant_acme.slow (id int)")
    return desk


def test_a_bar_shows_progress_and_failures(slow: Desk):
    with terminal(slow, "upgrade", "0002", "--concurrency", "1", "--engine", "replay") as seen:
        done = seen.wait()
    assert done.code == 1
    assert re.search(r"upgrade ━.*?[1-3]/4.*?/s.*?\d:\d\d:\d\d.*1 failed", seen.seen)
    assert "3 migrated, 1 failed in " in seen.seen
    assert _COLOUR.search(seen.raw)


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_can_be_refused(slow: Desk, environment: dict[str, str]):
    with terminal(slow, "upgrade", "0002", **environment) as seen:
        assert seen.wait().code == 1
    assert "3 migrated, 1 failed in " in seen.seen
    assert not _COLOUR.search(seen.raw)
    assert "\x1b" not in seen.raw or "TERM" not in environment


def test_nothing_but_text_goes_anywhere_else(slow: Desk):
    done = slow.run("upgrade", "0002")
    assert done.code == 1
    assert "\x1b" not in done.out + done.err


def test_tables_fit_the_terminal_and_errors_are_whole(slow: Desk):
    with terminal(slow, "explain", columns=50) as seen:
        assert seen.wait().code == 0
    assert max(map(len, seen.seen.splitlines())) <= 50
    with terminal(slow, "upgrade", "--tenant", "nobody", columns=50) as seen:
        assert seen.wait().code == 2
    assert "no tenant 'nobody' in the catalogue; `tenancy tenants list`" in seen.seen


@pytest.mark.parametrize("command", ["check", "doctor"])
def test_findings_are_a_table_on_a_terminal_and_lines_elsewhere(slow: Desk, command: str):
    env = slow.folder / "migrations" / "env.py"
    env.write_text(
        "import sqlalchemy as sa\nmetadata = sa.MetaData()\n"
        'sa.Table("a_table_whose_name_is_long", metadata, sa.Column("id", sa.Integer))\n'
        + env.read_text().replace("connection=connection", "connection, target_metadata=metadata")
    )
    slow.sql("UPDATE tenants SET schema_name = 'tenant_acme' WHERE identifier = 'bolt'")
    done = slow.run(command)
    assert done.code == 1
    assert "─" not in done.out
    assert not [line for line in done.out.splitlines() if "   " in line[8:].strip()]
    if command == "check":
        assert (
            "models  migrations, a_table_whose_name_is_long: the table is in the models only\n"
            "        `tenancy revision --autogenerate -m ...` writes it\n" in done.out
        )
    else:
        assert (
            "\naction  tenants: acme, bolt all claim tenant_acme\n        give each one" in done.out
        )
    with terminal(slow, command, columns=60) as seen:
        assert seen.wait().code == 1
    assert "what to do" in seen.seen
    assert max(map(len, seen.seen.splitlines())) <= 60


def test_several_tenants_are_taken_down_after_a_yes(slow: Desk):
    with terminal(slow, "downgrade", "base") as seen:
        seen.wait_for("Downgrade 4 tenants (4 from 0001 to base)? [y/N]: ")
        seen.type("y\n")
        done = seen.wait()
    assert done.code == 0
    assert "4 migrated in " in seen.seen
    assert set(slow.stands().values()) == {None}


def test_several_tenants_are_stamped_after_a_yes(slow: Desk):
    with terminal(slow, "stamp", "base") as seen:
        seen.wait_for("Stamp 4 tenants (4 from 0001 to base)? [y/N]: ")
        seen.type("y\n")
        assert seen.wait().code == 0
    assert set(slow.stands().values()) == {None}


@pytest.mark.parametrize(("answer", "code"), [("n\n", 2), ("\n", 2), ("\x03", 130), ("\x04", 130)])
def test_several_tenants_stay_after_anything_else(slow: Desk, answer: str, code: int):
    with terminal(slow, "downgrade", "base") as seen:
        seen.wait_for("[y/N]: ")
        seen.type(answer)
        assert seen.wait(pressing=answer).code == code
    assert "nothing was changed" in seen.seen
    assert set(slow.stands().values()) == {"0001"}


def test_a_tenant_is_removed_after_a_yes(slow: Desk):
    with terminal(slow, "tenants", "remove", "acme") as seen:
        seen.wait_for("Really mark tenant 'acme' as deleted? [y/N]: ")
        seen.type("n\n")
        assert seen.wait().code == 2
    assert slow.json("tenants", "list")["total"] == 4
    with terminal(slow, "tenants", "remove", "acme", "--hard") as seen:
        seen.wait_for("Really remove the row of tenant 'acme'? [y/N]: ")
        seen.type("y\n")
        assert seen.wait().code == 0
    assert "its schema and its data were not touched" in seen.seen
    assert slow.json("tenants", "list")["total"] == 3
    assert slow.stands()["acme"] == "0001"


def test_ctrl_c_on_the_terminal_is_told_beside_the_bar(slow: Desk):
    with terminal(slow, "upgrade", "0002", "--concurrency", "1", "--engine", "replay") as seen:
        seen.wait_for("1/4")
        seen.type("\x03")
        assert seen.wait().code == 130
    assert "stopping: tenants in flight finish" in seen.seen
    assert "interrupted; run the same command again to go on" in seen.seen


def test_a_line_now_and_then_where_nobody_watches(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(progress_module, "LINE_EVERY_S", 0.0)
    written = io.StringIO()
    targets = tuple(
        Target(f"tenant_{n}", (Tenant(id=str(n), identifier=str(n)),)) for n in range(3)
    )
    cohort = Cohort(Span((), ("0001",)), Position(), targets)
    with progress(Console(file=written, width=200)) as listener:
        listener(Planned(Plan(Command.UPGRADE, "head", (cohort,), (), ())))
        listener(TargetFinished(Outcome(targets[0], OutcomeKind.MIGRATED)))
        listener(Warned("mind [the] gap of postgresql://u:hush@h/d"))
        listener(TargetFinished(Outcome(targets[1], OutcomeKind.FAILED, error="no")))
    first, warning, second = written.getvalue().splitlines()
    assert first.startswith("1 of 3 tenants, ")
    assert first.endswith(" to go")
    assert "0 failed" in first
    assert warning == "warning: mind [the] gap of postgresql://u:***@h/d"
    assert second.startswith("2 of 3 tenants, ")
    assert "1 failed" in second


def test_lines_are_seconds_apart(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(progress_module, "LINE_EVERY_S", 3600.0)
    written = io.StringIO()
    target = Target("tenant_a", (Tenant(id="a", identifier="a"),))
    with progress(Console(file=written, width=200)) as listener:
        for _ in range(100):
            listener(TargetFinished(Outcome(target, OutcomeKind.MIGRATED)))
    assert written.getvalue() == ""
