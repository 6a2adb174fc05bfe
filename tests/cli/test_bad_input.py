"""What cannot be done is refused in a sentence, without a traceback, and nothing is changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cli_desk import Desk
from cli_process import Done, Shell


def refused(done: Done, *told: str, code: int = 2) -> None:
    """A sentence on stderr that says all of this, and nothing of Python."""
    assert done.code == code, done
    assert done.err.startswith("error: "), done
    for text in told:
        assert text in done.err
    assert "Traceback" not in done.out + done.err


@pytest.fixture
def standing(fleet: Callable[..., Desk]) -> Desk:
    """A fleet whose position must not change."""
    return fleet("acme", "bolt", at="0001")


def test_an_unknown_revision(standing: Desk):
    for command in (("upgrade", "ffff"), ("downgrade", "ffff", "--yes"), ("stamp", "ffff")):
        refused(standing.run(*command), "no revision 'ffff'", "heads: 0003", "tenancy history")
    assert set(standing.stands().values()) == {"0001"}


def test_an_unknown_revision_is_unknown_for_nobody_too(desk: Desk):
    desk.add("acme")
    refused(desk.run("upgrade", "ffff", "--tag", "tier=gold"), "no revision 'ffff'")


def test_an_ambiguous_revision(standing: Desk):
    refused(standing.run("upgrade", "000"), "000")
    assert set(standing.stands().values()) == {"0001"}


def test_an_unknown_tenant(standing: Desk):
    done = standing.run("upgrade", "--tenant", "acme", "--tenant", "nobody")
    refused(done, "no tenant 'nobody'", "tenancy tenants list")
    assert set(standing.stands().values()) == {"0001"}


def test_an_unknown_tenant_to_exclude(standing: Desk):
    for command in (("upgrade",), ("downgrade", "base", "--yes"), ("status",)):
        refused(standing.run(*command, "--exclude", "acmee"), "no tenant 'acmee'")
    assert set(standing.stands().values()) == {"0001"}
    standing.run("tenants", "remove", "bolt", "--yes")
    assert standing.run("upgrade", "0002", "--exclude", "bolt").code == 0


def test_a_name_means_one_tenant(standing: Desk):
    standing.sql("UPDATE tenants SET id = 'bolt' WHERE identifier = 'acme'")
    standing.sql("UPDATE tenants SET id = 'acme' WHERE identifier = 'bolt'")
    assert standing.run("upgrade", "0002", "--tenant", "acme").code == 0
    assert standing.stands() == {"acme": "0002", "bolt": "0001"}
    assert standing.run("upgrade", "0003", "--exclude", "bolt").code == 0
    assert standing.stands() == {"acme": "0003", "bolt": "0001"}
    assert standing.json("tenants", "show", "bolt")["identifier"] == "bolt"


def test_a_name_of_two_tenants_is_not_added(standing: Desk):
    add = ("tenants", "add")
    refused(standing.run(*add, "crux", "--id", "acme"), "id 'acme' is the identifier of another")
    refused(standing.run(*add, "id-bolt"), "identifier 'id-bolt' is the id of tenant 'bolt'")
    assert standing.run(*add, "dune", "--id", "dune").code == 0


def test_no_alembic_ini(desk: Desk):
    desk.add("acme")
    (desk.folder / "alembic.ini").unlink()
    for command in (("upgrade",), ("history",), ("status",), ("explain",)):
        refused(desk.run(*command), "no alembic.ini at", "--config")


def test_an_ini_without_such_a_section(standing: Desk):
    refused(standing.run("upgrade", "--name", "billing"), "[billing]", "alembic.ini")


def test_an_ini_that_is_none(standing: Desk):
    (standing.folder / "alembic.ini").write_text("[alembic\nscript_location = x\n")
    refused(standing.run("upgrade"), "alembic.ini")
    assert set(standing.stands().values()) == {"0001"}


def test_a_syntax_error_in_a_revision(standing: Desk):
    path = standing.revision("0004", "0003", "half", "pass")
    path.write_text(path.read_text() + "\ndef half(:\n")
    lines = len(path.read_text().splitlines())
    for command in ("upgrade", "history", "status"):
        refused(standing.run(command), str(path), f"line {lines}", "syntax error")
    assert set(standing.stands().values()) == {"0001"}


def test_a_revision_that_cannot_be_imported(standing: Desk):
    path = standing.revision("0004", "0003", "missing", "pass")
    path.write_text("import nothing_of_that_name\n" + path.read_text())
    refused(standing.run("upgrade"), str(path), "nothing_of_that_name")
    assert set(standing.stands().values()) == {"0001"}


def test_an_env_that_fails(standing: Desk):
    env = standing.folder / "migrations" / "env.py"
    env.write_text("import sys\n\nraise RuntimeError('no settings for postgresql://u:hush@h/d')\n")
    done = standing.run("upgrade")
    refused(done, "env.py, line 3", "RuntimeError", "no settings for postgresql://u:***@h/d")
    assert "hush" not in done.out + done.err
    assert set(standing.stands().values()) == {"0001"}


def test_two_heads_and_head(standing: Desk):
    standing.revision("0002b", "0001", "another way", "pass", labels=["other"])
    refused(standing.run("upgrade"), "0002b", "0003", "'heads'", "alembic merge heads")
    assert set(standing.stands().values()) == {"0001"}
    assert standing.run("upgrade", "other@head").code == 0
    assert standing.run("upgrade", "heads").code == 0
    assert set(standing.stands().values()) == {"0002b,0003"}
    assert standing.run("status", "--check").code == 0


def test_what_alembic_warns_of_is_told_as_a_sentence(standing: Desk):
    standing.revision("0002b", "0001", "another way", "import warnings; warnings.warn('mine')")
    assert "0002b.py:" in standing.run("upgrade", "heads").err  # where it can be mended
    err = standing.run("downgrade", "-1", "--yes").err
    assert err.startswith("warning: downgrade -1 from multiple heads is ambiguous")
    assert ".py" not in err


def test_a_version_table_that_names_an_unknown_revision(standing: Desk):
    standing.sql("UPDATE tenant_bolt.alembic_version SET version_num = 'ffff'")
    done = standing.run("upgrade", "0002")
    assert done.code == 1
    assert "1 migrated, 1 failed in " in done.out
    assert "failed: bolt\n  the version table names revision ffff" in done.out
    assert standing.stands() == {"acme": "0002", "bolt": "ffff"}


def test_tenants_of_one_schema(standing: Desk):
    standing.sql(
        "INSERT INTO tenants (id, identifier, schema_name) VALUES ('x', 'x', 'tenant_acme')"
    )
    done = standing.run("upgrade", "0002")
    assert done.code == 1
    assert "the tenants 'acme', 'x' all claim the schema 'tenant_acme'" in done.out
    assert standing.stands() == {"acme": "0001", "bolt": "0002"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--concurrency", "0"), "--concurrency"),
        (("--concurrency", "5000"), "a concurrency of 5000 needs"),
        (("--lock-timeout", "-1"), "--lock-timeout"),
        (("--lock-timeout", "inf"), "--lock-timeout"),
        (("--statement-timeout", "1e30"), "from 0 (none) to 2147483 s"),
        (("--statement-timeout", "nan"), "--statement-timeout"),
        (("--statement-timeout", "soon"), "--statement-timeout"),
        (("--engine", "fast"), "'auto', 'replay', 'live'"),
        (("--proof", "none"), "'revision', 'sample', 'all'"),
        (("-x", "tier"), "-x 'tier' is not of the form KEY=VALUE"),
        (("-x", "schema=public"), "--tenant"),
        (("--tag", "=gold"), "KEY=VALUE"),
        (("--tag", "a=1", "--tag", "a=2"), "--tag gives 'a' two values, '1' and '2'"),
        (("--tag", "a=\udcff"), "the argument 'a=\\xff' is not UTF-8"),
        (("--database-url", "postgresql://u:hush@\udcff/d"), "'postgresql://u:***@\\xff/d' is not"),
        (("--tenant", "\udcff"), "'\\xff' is not UTF-8"),
        (("0002", "0003"), "unexpected extra argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_arguments_that_cannot_be(standing: Desk, arguments: tuple[str, ...], told: str):
    refused(standing.run("upgrade", *arguments), told)
    assert set(standing.stands().values()) == {"0001"}


def test_a_tenant_that_cannot_be_added(standing: Desk):
    add = ("tenants", "add", "crux")
    refused(standing.run(*add, "--schema", "\udcff"), "the argument '\\xff' is not UTF-8")
    refused(standing.run(*add, "--display-name", "a\udcff"), "the argument 'a\\xff' is not UTF-8")
    refused(standing.run("--database-url", "\udcff", *add), "the argument '\\xff' is not UTF-8")
    refused(standing.run(*add, "--tag", "a=1", "--tag", "a=2"), "two values")
    refused(standing.run(*add, "--id", ""), "the id of a tenant is empty")
    assert "'\\udcff'" in standing.json("\udcff", code=2)["error"]
    assert len(standing.json("tenants", "list")["tenants"]) == 2


def test_what_a_terminal_would_obey_is_written_as_an_escape(standing: Desk):
    standing.revision("0004", "0003", "odd\x1b[31m", r'raise Exception("a\x00b\x1b[31mred\x9b1m")')
    done = standing.run("upgrade")
    assert "failed: acme, bolt\n  revision 0004: Exception: a\\x00b\\x1b[31mred\\x9b1m" in done.out
    assert "\x1b" not in done.out + done.err
    assert "\x1b" not in standing.run("history").out
    add = ("tenants", "add", "crux", "--schema", "\x1b[31m\nred")
    assert "to live in schema \\x1b[31m" in standing.run(*add).out
    assert "\\x1b[31m\\nred" in standing.run("tenants", "list").out
    found = standing.run("upgrade", "--json").out
    assert "\x9b" not in found
    assert "\x9b" in json.loads(found)["results"][0]["error"]


def test_the_next_step_is_one_that_can_be_done(standing: Desk):
    assert "next: tenancy upgrade" in standing.run("tenants", "add", "crux").out
    assert "next: " not in standing.run("tenants", "add", "dune", "--status", "deleted").out


def test_a_setting_that_cannot_be(standing: Desk):
    (standing.folder / "tenancy.toml").write_text("concurency = 3\n")
    refused(standing.run("upgrade"), "'concurency'", "did you mean concurrency?")
    (standing.folder / "tenancy.toml").write_text("concurrency = 'many'\n")
    refused(standing.run("upgrade"), "concurrency")
    assert set(standing.stands().values()) == {"0001"}


def test_a_failing_tenant_is_named_with_its_cause_and_statement(standing: Desk):
    standing.sql("ALTER TABLE tenant_bolt.notes ADD COLUMN author text")
    done = standing.run("upgrade", "0002")
    assert done.code == 1
    assert "failed: bolt\n  revision 0002: column" in done.out
    assert "Traceback" not in done.out + done.err
    assert standing.stands() == {"acme": "0002", "bolt": "0001"}
    again = standing.run("upgrade", "0002", "--traceback")
    assert again.code == 1
    assert "Traceback (most recent call last)" in again.out
    assert "DuplicateColumn" in again.out


def test_failures_of_one_kind_are_told_together(fleet: Callable[..., Desk]):
    names = [f"t{n:02}" for n in range(14)]
    desk = fleet(*names, at="0001")
    for name in names[:12]:
        desk.sql(f"ALTER TABLE tenant_{name}.notes ADD COLUMN author text")
    done = desk.run("upgrade", "0002")
    assert done.code == 1
    assert done.out.count("failed: ") == 1
    assert f"failed: {', '.join(names[:10])} and 2 more (--json lists all)" in done.out


def test_the_traceback_of_an_error_comes_on_demand(standing: Desk):
    env = standing.folder / "migrations" / "env.py"
    env.write_text("raise RuntimeError('no settings for postgresql://u:hush@h/d')\n")
    for command in (("--traceback", "upgrade"), ("upgrade", "--traceback")):
        done = standing.run(*command)
        assert done.code == 2
        assert "Traceback (most recent call last)" in done.err
        assert "hush" not in done.out + done.err
        assert "error: " in done.err


def test_options_of_the_project_go_before_or_after_the_command(standing: Desk):
    (standing.folder / "alembic.ini").rename(standing.folder / "other.ini")
    for command in (("-c", "other.ini", "heads"), ("heads", "--config", "other.ini")):
        done = standing.run(*command)
        assert done.code == 0, done
        assert "0003" in done.out
    elsewhere = standing.url + "&application_name=elsewhere"
    del standing.shell.environment["TENANCY_DATABASE_URL"]
    url = ("--database-url", elsewhere, "-c", "other.ini")
    assert standing.run(*url, "current").out == standing.run("current", *url).out
    assert "0001" in standing.run("current", *url).out


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tenancy.toml", "concurrency = 3\n"),
        ("pyproject.toml", "[tool.tenancy]\nconcurrency = 3\n"),
    ],
)
def test_settings_that_would_not_be_read(desk: Desk, tmp_path: Path, name: str, text: str):
    (desk.folder / name).write_text(text)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shell = Shell(elsewhere, desk.shell.environment)
    for typed in ("status", "tenants add acme", "upgrade"):
        done = shell.run(*typed.split(), "--config", str(desk.folder / "alembic.ini"))
        assert done.code == 2, done
        assert f"cd {desk.folder} first" in done.err
    assert list(elsewhere.iterdir()) == []
    (desk.folder / name).unlink()
    done = shell.run("heads", "--config", str(desk.folder / "alembic.ini"))
    assert done.code == 0, done


def test_looking_makes_no_list_of_tenants(desk: Desk):
    desk.shell.environment["TENANCY_CATALOGUE_URL"] = f"sqlite:///{desk.folder}/list.db"
    for typed in ("status", "current", "tenants list", "upgrade"):
        refused(desk.run(*typed.split()), "there is no list of tenants in")
        assert not (desk.folder / "list.db").exists()
    assert desk.run("tenants", "add", "acme").code == 0
    assert desk.run("tenants", "list").code == 0
