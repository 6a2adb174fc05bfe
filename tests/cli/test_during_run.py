"""The list of tenants changes while a run is under way; the revisions of these tests change it."""

from __future__ import annotations

import pytest

from cli_desk import Desk

WHEN_ANT = """
from fastapi_tenancy import current_tenant
if current_tenant().identifier == "ant":
    {work}
op.create_table("late", sa.Column("id", sa.Integer))
"""


@pytest.fixture
def listed(desk: Desk) -> Desk:
    """Three tenants at 0001, from a table of the project's own that revisions can write to."""
    desk.sql("CREATE TABLE clients (identifier text PRIMARY KEY, schema_name text, status text)")
    desk.sql("INSERT INTO clients VALUES ('ant'), ('bee'), ('cow')")
    for identifier in ("ant", "bee", "cow"):
        desk.sql(f"CREATE SCHEMA tenant_{identifier}")
    desk.shell.environment |= {
        "TENANCY_TENANTS_QUERY": "SELECT identifier, schema_name, status FROM clients",
        "TENANCY_CONCURRENCY": "1",
    }
    assert desk.run("upgrade", "0001").code == 0
    return desk


def when_ant(desk: Desk, *statements: str) -> None:
    """Let revision 0002 run statements when it comes to the first tenant."""
    work = "; ".join(f"op.execute({statement!r})" for statement in statements)
    desk.revision("0002", "0001", "changes the list", WHEN_ANT.format(work=work))


def test_a_tenant_created_during_the_run_is_migrated_too(listed: Desk):
    when_ant(listed, "INSERT INTO public.clients VALUES ('dog')", "CREATE SCHEMA tenant_dog")
    document = listed.json("upgrade", "0002")
    results = {r["identifier"]: r for r in document["results"]}
    assert (document["total"], document["succeeded"]) == (4, 4)
    assert results["dog"]["from_revision"] is None
    assert results["dog"]["to_revision"] == "0002"
    assert listed.stands() == dict.fromkeys(("ant", "bee", "cow", "dog"), "0002")


def test_a_tenant_created_during_the_run_without_a_schema_is_told_of(listed: Desk):
    when_ant(listed, "INSERT INTO public.clients VALUES ('dog')")
    document = listed.json("upgrade", "0002", code=1)
    assert (document["succeeded"], document["failed"]) == (3, 1)
    assert "schema does not exist" in document["results"][-1]["error"]


def test_a_tenant_created_during_the_run_in_a_place_it_cannot_have_is_told_of(listed: Desk):
    when_ant(listed, "INSERT INTO public.clients VALUES ('dog', 'public'), ('eel', 'tenant_bee')")
    document = listed.json("upgrade", "0002", code=1)
    errors = {r["identifier"]: r["error"] for r in document["results"] if not r["success"]}
    assert document["succeeded"] == 3
    assert "shared by everybody" in errors["dog"]
    assert "all claim the schema 'tenant_bee'" in errors["eel"]


def test_a_tenant_outside_of_the_choice_is_left_alone(listed: Desk):
    when_ant(listed, "INSERT INTO public.clients VALUES ('dog')", "CREATE SCHEMA tenant_dog")
    assert listed.json("upgrade", "0002", "--tenant", "ant", "--tenant", "bee")["total"] == 2
    assert listed.stands() == {"ant": "0002", "bee": "0002", "cow": "0001"}


@pytest.mark.parametrize(
    "leave",
    ["DELETE FROM public.clients WHERE identifier = 'cow'",
     "UPDATE public.clients SET status = 'deleted' WHERE identifier = 'cow'"],
    ids=["row gone", "marked"],
)  # fmt: skip
@pytest.mark.parametrize("named", [[], ["--tenant", "ant", "--tenant", "bee", "--tenant", "cow"]])
def test_a_tenant_deleted_during_the_run_is_skipped(listed: Desk, leave: str, named: list[str]):
    # Another tenant fails for a reason of its own: that is not forgiven along with it.
    listed.sql("CREATE TABLE tenant_bee.late (id integer)")
    when_ant(listed, leave, "DROP SCHEMA tenant_cow CASCADE")
    document = listed.json("upgrade", "0002", *named, code=1)
    results = {r["identifier"]: r for r in document["results"]}
    assert {k: r["outcome"] for k, r in results.items()} == {
        "ant": "migrated",
        "bee": "failed",
        "cow": "skipped",
    }
    assert results["cow"]["error"].startswith("deleted during the run")
    assert "late" in results["bee"]["error"]
    assert (document["succeeded"], document["failed"], document["skipped"]) == (1, 1, 1)


def test_a_list_that_cannot_be_read_any_more_does_not_swallow_the_report(listed: Desk):
    when_ant(listed, "ALTER TABLE public.clients RENAME COLUMN identifier TO other")
    done = listed.run("upgrade", "0002")
    assert done.code == 1, done  # public is not what it was
    assert "3 migrated" in done.out
    assert "the list of tenants could not be read again" in done.err
    assert listed.stands() == dict.fromkeys(("ant", "bee", "cow"), "0002")
