"""`tenancy tenants import`: a list from a file comes into the catalogue as it was written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli_desk import Desk

CSV = """\
identifier,id,name,status,schema_name,database_url,isolation_strategy,tags,tag.tier,created_at,host,shard
acme,1,"Acme, Ltd.",active,,,,region=eu;vip=true,gold,2026-01-01T00:00:00+00:00,Acme.example.com,
bolt,2,,suspended,bolt_data,,,,,2026-01-02T00:00:00+00:00,,
crux,3,Crüx,,,postgresql://u:hush@db.example.com/crux,database,"{""seats"": 5}",,2026-01-03,,
"""
EXPECTED = {
    "acme": {
        "id": "1",
        "name": "Acme, Ltd.",
        "tags": {"region": "eu", "vip": "true", "tier": "gold"},
        "created_at": "2026-01-01T00:00:00+00:00",
        "host": "acme.example.com",
        "shard": None,
    },
    "bolt": {"id": "2", "status": "suspended", "schema_name": "bolt_data", "tags": {}},
    "crux": {
        "name": "Crüx",
        "status": "active",
        "database_url": "postgresql://u:***@db.example.com/crux",
        "isolation_strategy": "database",
        "tags": {"seats": "5"},
    },
}


@pytest.fixture
def hybrid(desk: Desk) -> Desk:
    """A desk whose tenants may each live in another way."""
    desk.shell.environment["TENANCY_ISOLATION_STRATEGY"] = "hybrid"
    desk.shell.environment["TENANCY_STANDARD_ISOLATION_STRATEGY"] = "schema"
    return desk


def write(desk: Desk, name: str, text: str) -> Path:
    path = desk.folder / name
    path.write_text(text, encoding="utf-8")
    return path


def listed(desk: Desk, *more: str) -> list[dict[str, Any]]:
    return list(desk.json("tenants", "list", *more)["tenants"])


def names(desk: Desk) -> list[str]:
    return [tenant["identifier"] for tenant in listed(desk)]


def test_a_csv_file_becomes_the_list(hybrid: Desk):
    write(hybrid, "tenants.csv", CSV)
    done = hybrid.run("tenants", "import", "tenants.csv")
    assert (done.code, done.out) == (0, "3 tenants added\nnext: tenancy upgrade --create\n"), done
    tenants = listed(hybrid)
    assert [t["identifier"] for t in tenants] == [*EXPECTED]
    for tenant in tenants:
        wanted = EXPECTED[tenant["identifier"]]
        assert {key: tenant[key] for key in wanted} == wanted
    kept = hybrid.sql("SELECT database_url FROM tenants WHERE id = '3'")
    assert kept == [("postgresql://u:hush@db.example.com/crux",)]


def test_what_list_prints_can_be_imported_elsewhere(hybrid: Desk):
    write(hybrid, "tenants.csv", CSV.replace(":hush", ""))
    assert hybrid.run("tenants", "import", "tenants.csv").code == 0
    printed = hybrid.run("tenants", "list", "--json").out
    write(hybrid, "printed.json", printed)
    again = hybrid.json("tenants", "import", "printed.json", "--update")
    assert (again["unchanged"], again["changed"]) == ([*EXPECTED], [])
    hybrid.shell.environment["TENANCY_CATALOGUE_URL"] = "sqlite:///elsewhere.db"
    assert hybrid.run("tenants", "import", "printed.json").code == 0
    assert json.loads(hybrid.run("tenants", "list", "--json").out) == json.loads(printed)


def test_a_hidden_password_is_not_imported(hybrid: Desk):
    write(hybrid, "tenants.csv", CSV)
    hybrid.run("tenants", "import", "tenants.csv")
    write(hybrid, "printed.json", hybrid.run("tenants", "list", "--json").out)
    done = hybrid.run("tenants", "import", "printed.json", "--update")
    assert done.code == 2
    assert "index 2: database_url is 'postgresql://u:***@db.example.com/crux', whose" in done.err
    kept = hybrid.sql("SELECT database_url FROM tenants WHERE id = '3'")
    assert kept == [("postgresql://u:hush@db.example.com/crux",)]


def test_the_order_of_the_file_is_that_of_the_list(desk: Desk):
    file = write(desk, "list.json", json.dumps([{"identifier": name} for name in "zaykb"]))
    assert desk.json("tenants", "import", str(file))["added"] == [*"zaykb"]
    assert names(desk) == [*"zaykb"]


def test_stdin_needs_to_be_told_what_it_is(desk: Desk):
    file = write(desk, "list", "identifier\nacme\n")
    done = desk.shell.run("tenants", "import", "-", stdin=file)
    assert (done.code, done.out) == (2, "")
    assert "stdin has no suffix" in done.err
    assert "--format csv or --format json" in done.err
    assert desk.shell.run("tenants", "import", "-", "--format", "csv", stdin=file).code == 0
    assert names(desk) == ["acme"]


def test_the_format_that_is_named_comes_before_the_suffix(desk: Desk):
    write(desk, "tenants.txt", '[{"identifier": "acme"}]')
    assert desk.run("tenants", "import", "tenants.txt").code == 2
    assert desk.run("tenants", "import", "tenants.txt", "--format", "json").code == 0
    assert names(desk) == ["acme"]


def test_a_spreadsheet_writes_a_mark_and_other_line_ends(desk: Desk):
    text = '\ufeffidentifier,name\r\n\r\nacme,"two\r\nlines"\r\n,\r\n'
    (desk.folder / "tenants.CSV").write_bytes(text.encode())
    assert desk.run("tenants", "import", "tenants.CSV").code == 0
    assert [(t["identifier"], t["name"]) for t in listed(desk)] == [("acme", "two\r\nlines")]


def test_a_dry_run_changes_nothing(desk: Desk):
    write(desk, "tenants.csv", "identifier\nacme\nbolt\n")
    done = desk.run("tenants", "import", "tenants.csv", "--dry-run")
    assert done.out == "2 tenants added: acme, bolt\nnothing was changed (--dry-run)\n"
    assert desk.sql("SELECT to_regclass('tenants')") == [(None,)]
    desk.add("acme")
    found = desk.json("tenants", "import", "tenants.csv", "--skip-existing", "--dry-run")
    assert found == {
        "total": 2,
        "dry_run": True,
        "added": ["bolt"],
        "changed": [],
        "unchanged": [],
        "skipped": ["acme"],
    }
    assert names(desk) == ["acme"]
    write(desk, "tenants.csv", "identifier,status\nacme,sleeping\n")
    assert desk.run("tenants", "import", "tenants.csv", "--dry-run").code == 2


def test_those_who_exist_are_refused_unless_told(desk: Desk):
    desk.add("acme")
    write(desk, "tenants.csv", "identifier,name\nbolt,Bolt\nacme,Acme\n")
    done = desk.run("tenants", "import", "tenants.csv")
    assert done.code == 2
    assert "tenants.csv: one problem; nothing was changed\n  line 3: tenant 'acme'" in done.err
    assert "--skip-existing" in done.err
    assert "--update" in done.err
    assert names(desk) == ["acme"]
    done = desk.run("tenants", "import", "tenants.csv", "--skip-existing", "--update")
    assert done.code == 2
    assert "contradict each other" in done.err


def test_existing_tenants_are_skipped(desk: Desk):
    desk.add("acme")
    write(desk, "tenants.csv", "identifier,name\nbolt,Bolt\nacme,Acme\n")
    done = desk.run("tenants", "import", "tenants.csv", "--skip-existing")
    assert done.out.splitlines()[:2] == ["1 tenant added", "1 tenant left alone"]
    assert {t["identifier"]: t["name"] for t in listed(desk)} == {"acme": "", "bolt": "Bolt"}


def test_existing_tenants_are_updated_by_what_is_said(desk: Desk):
    write(
        desk,
        "first.csv",
        "identifier,id,name,status,tag.tier,tag.region\n"
        "acme,1,Acme,active,gold,eu\nbolt,2,Bolt,active,gold,eu\ncrux,3,Crux,active,gold,eu\n",
    )
    assert desk.run("tenants", "import", "first.csv").code == 0
    before = {t["identifier"]: t for t in listed(desk)}
    write(
        desk,
        "second.json",
        json.dumps(
            [
                {"identifier": "acme", "status": "suspended", "tag.tier": "silver"},
                {"identifier": "bolt", "name": "", "tags": {"tier": "free"}},
                {"identifier": "crux", "name": "Crux", "created_at": "2001-01-01"},
                {"identifier": "dune"},
            ]
        ),
    )
    found = desk.json("tenants", "import", "second.json", "--update")
    assert found == {
        "total": 4,
        "dry_run": False,
        "added": ["dune"],
        "changed": ["acme", "bolt"],
        "unchanged": ["crux"],
        "skipped": [],
    }
    after = {t["identifier"]: t for t in listed(desk)}
    assert after["crux"] == before["crux"]
    acme = {**before["acme"], "status": "suspended", "tags": {"tier": "silver", "region": "eu"}}
    assert {**after["acme"], "updated_at": None} == {**acme, "updated_at": None}
    assert (after["bolt"]["name"], after["bolt"]["tags"]) == ("Bolt", {"tier": "free"})
    assert after["acme"]["updated_at"] > before["acme"]["updated_at"]


def test_tenants_may_swap_their_schemas(desk: Desk):
    write(desk, "a.csv", "identifier,schema_name\nacme,one\nbolt,two\n")
    assert desk.run("tenants", "import", "a.csv").code == 0
    write(desk, "b.csv", "identifier,schema_name\nacme,three\nbolt,one\n")
    assert desk.run("tenants", "import", "b.csv", "--update").code == 0
    assert [t["schema_name"] for t in listed(desk)] == ["three", "one"]


def test_what_was_imported_is_migrated(desk: Desk):
    write(desk, "tenants.csv", "identifier,schema_name\nacme,\nbolt,tenant_data\n")
    assert desk.run("tenants", "import", "tenants.csv").code == 0
    assert desk.run("upgrade", "--create").code == 0
    assert desk.stands() == {"acme": "0003", "data": "0003"}
