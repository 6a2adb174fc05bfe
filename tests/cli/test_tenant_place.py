"""Where one tenant lives: its own database and strategy, as they are added, shown and warned of."""

from __future__ import annotations

import pytest

from cli_desk import Desk

URL = "postgresql://app:hush@db.example.com/acme"
ADD = ("tenants", "add", "acme")


@pytest.fixture
def hybrid(desk: Desk) -> Desk:
    """A desk whose tenants may each live in another way."""
    desk.shell.environment["TENANCY_ISOLATION_STRATEGY"] = "hybrid"
    return desk


def test_a_database_of_its_own_is_kept_and_shown_without_its_password(hybrid: Desk):
    done = hybrid.run(*ADD, "--isolation-strategy", "database", "--tenant-database-url", URL)
    assert (done.code, done.err) == (0, "")
    assert "to live in database db.example.com:5432/acme\n" in done.out
    assert hybrid.sql("SELECT database_url, isolation_strategy FROM tenants") == [(URL, "database")]
    shown = hybrid.run("tenants", "show", "acme").out
    assert "postgresql://app:***@db.example.com/acme" in shown
    assert "hush" not in shown
    assert "isolation_strategy   database" in shown
    document = hybrid.json("tenants", "show", "acme")
    assert document["database_url"] == "postgresql://app:***@db.example.com/acme"
    assert (document["isolation_strategy"], document["target"]) == (
        "database",
        "db.example.com:5432/acme",
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--tenant-database-url", "mysql://u:hush@h/d"), "'mysql://u:***@h/d' names a database"),
        (("--tenant-database-url", "u:hush@h"), "'***@h' is not a database URL"),
        (("--tenant-database-url", "postgresql://u:***@h/d"), "whose password was hidden"),
        (("--host", "https://acme.example"), "without scheme, port or path; write 'acme.example'"),
        (("--host", ""), "such as acme.example.com"),
        (("--tenant-database-url", ""), "is not a database URL"),
        (("--isolation-strategy", "table"), "'table'; expected one of schema, database, rls"),
        (("--isolation-strategy", "hybrid"), "'hybrid'; expected one of schema, database, rls"),
    ],
)
def test_what_is_no_place_is_refused(hybrid: Desk, arguments: tuple[str, ...], told: str):
    done = hybrid.run(*ADD, *arguments)
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert "hush" not in done.err
    assert hybrid.sql("SELECT to_regclass('tenants')") == [(None,)]


def test_the_database_of_everybody_is_nobodys_own(hybrid: Desk):
    given = ("--isolation-strategy", "database", "--tenant-database-url", hybrid.url)
    done = hybrid.run(*ADD, *given)
    assert done.code == 2
    assert "is the one at database_url, which is everybody's" in done.err


def test_the_database_of_another_tenant_is_refused(hybrid: Desk):
    given = ("--isolation-strategy", "database", "--tenant-database-url", URL)
    assert hybrid.run(*ADD, *given).code == 0
    done = hybrid.run("tenants", "add", "bolt", *given)
    assert done.code == 2
    assert "the database 'db.example.com:5432/acme' belongs to tenant 'acme'" in done.err
    assert "one of its own (database_url)" in done.err


@pytest.mark.parametrize(
    ("strategy", "arguments", "field"),
    [
        ("schema", ("--tenant-database-url", URL), "database_url"),
        ("rls", ("--schema", "acme_data"), "schema_name"),
    ],
)
def test_what_has_no_effect_is_kept_and_warned_of(
    desk: Desk, strategy: str, arguments: tuple[str, ...], field: str
):
    desk.shell.environment["TENANCY_ISOLATION_STRATEGY"] = strategy
    done = desk.run(*ADD, *arguments)
    assert done.code == 0
    assert done.err == (
        f"warning: {field} of acme has no effect: the setting isolation_strategy is"
        f" '{strategy}', so the strategy there is '{strategy}'\n"
    )
    assert desk.sql(f"SELECT {field} FROM tenants") == [(arguments[1],)]


def test_a_strategy_that_runs_would_refuse_is_refused_at_once(desk: Desk):
    told = "the isolation_strategy of tenant 'acme' is 'rls', but the fleet's is 'schema'; set"
    done = desk.run(*ADD, "--isolation-strategy", "rls")
    assert (done.code, told in done.err) == (2, True), done
    (desk.folder / "t.csv").write_text("identifier,isolation_strategy\nacme,rls\n")
    done = desk.run("tenants", "import", "t.csv")
    assert (done.code, f"line 2: {told}" in done.err) == (2, True), done
    assert desk.sql("SELECT to_regclass('tenants')") == [(None,)]
    assert desk.run(*ADD, "--isolation-strategy", "schema").code == 0


def test_an_import_warns_once_for_all(desk: Desk):
    rows = "".join(f"t{n},postgresql://u:hush@h/d{n}\n" for n in range(12))
    (desk.folder / "t.csv").write_text("identifier,database_url\n" + rows)
    done = desk.run("tenants", "import", "t.csv", "--json")
    assert done.code == 0
    assert done.err.count("warning: ") == 1
    assert "database_url of t0, t1, " in done.err
    assert " and 2 more has no effect" in done.err
    assert "hush" not in done.err


def test_a_query_says_how_each_tenant_is_kept_apart(hybrid: Desk):
    hybrid.sql("CREATE TABLE clients (slug text, kind text, url text)")
    hybrid.sql(f"INSERT INTO clients VALUES ('a', 'Database', '{URL}'), ('b', 'rls', NULL)")
    hybrid.sql("INSERT INTO clients VALUES ('c', NULL, NULL)")
    hybrid.shell.environment["TENANCY_TENANTS_QUERY"] = (
        "SELECT slug AS identifier, kind AS isolation_strategy, url AS database_url FROM clients"
    )
    found = hybrid.json("tenants", "list")["tenants"]
    assert [t["isolation_strategy"] for t in found] == ["database", "rls", None]
    shown = [hybrid.json("tenants", "show", name) for name in "abc"]
    assert [t["target"] for t in shown][::2] == ["db.example.com:5432/acme", "tenant_c"]
    hybrid.sql("UPDATE clients SET kind = 'magic' WHERE slug = 'b'")
    done = hybrid.run("tenants", "list")
    assert done.code == 2
    assert "the isolation strategy of tenant 'b' is 'magic'; expected one of" in done.err


def test_hosts_and_shards_are_shown_where_somebody_has_one(desk: Desk):
    assert desk.run(*ADD, "--host", "Acme.Example.com").code == 0
    assert desk.run("tenants", "add", "bolt").code == 0
    listed = desk.run("tenants", "list").out
    assert "schema   host               tags" in listed
    assert "acme.example.com" in listed
    assert "shard" not in listed
    done = desk.run("tenants", "add", "crux", "--host", "acme.example.com")
    assert done.code == 2
    assert "the host 'acme.example.com' of tenant 'crux' is taken by tenant 'acme'" in done.err
    assert desk.json("tenants", "show", "acme")["host"] == "acme.example.com"


def test_a_list_is_prepared_before_anybody_is_on_it(desk: Desk):
    done = desk.run("tenants", "prepare")
    assert (done.code, done.out, done.err) == (0, "the list of tenants is ready: 0 tenants\n", "")
    desk.sql("ALTER TABLE tenants DROP COLUMN host CASCADE")
    refused = desk.run("tenants", "list")
    assert refused.code == 2
    assert "lacks host or shard or common_name. Run `tenancy tenants prepare`" in refused.err
    assert desk.json("tenants", "prepare") == {"total": 0}
    assert desk.run("tenants", "list").code == 0
