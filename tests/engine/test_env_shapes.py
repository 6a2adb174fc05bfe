"""Shapes of env.py: those that are followed, and those that are refused with an explanation."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from fastapi_tenancy.errors import ConfigurationError, NotHonouredError
from fastapi_tenancy.model.event import Warned
from fastapi_tenancy.model.plan import Command, Engine, Road
from project import ITEMS, Project
from same import FLEET, both_roads
from snapshot import query

Schemas = Callable[..., list[str]]
Copied = Callable[[], str]

NOTED = "op.execute(f\"UPDATE items SET note = '{given.get('who')}'\")"
TRANSLATED = """
op.create_table("things", sa.Column("id", sa.Integer, primary_key=True), schema="tenant")
things = sa.Table("things", sa.MetaData(), sa.Column("id", sa.Integer), schema="tenant")
op.get_bind().execute(sa.insert(things), {"id": 7})
"""


def test_a_schema_translate_map_is_followed(
    project: Project, schemas: Schemas, copied: Copied
) -> None:
    schemas("tenant", *FLEET)
    project.environment(
        before='connection = connection.execution_options(schema_translate_map={"tenant": schema})'
    )
    project.revision("a", None, ITEMS, 'op.drop_table("items")')
    project.revision("b", "a", TRANSLATED, 'op.drop_table("things", schema="tenant")')
    done = both_roads(project, copied)
    assert set(done.roads.values()) == {Road.LIVE}
    assert query(project.url, "SELECT to_regclass('tenant.things')") == [(None,)]
    both_roads(project, copied, revision="a", command=Command.DOWNGRADE)


@pytest.mark.parametrize(
    ("differs", "told"),
    [
        (
            {
                "before": "connection = connection.execution_options("
                'schema_translate_map={"tenant": "x_" + schema})'
            },
            "schema_translate_map= to execution_options()",
        ),
        ({"arguments": "who=schema"}, "who= to context.run_migrations()"),
        (
            {"options": "transaction_per_migration=schema == 'a1'"},
            "transaction_per_migration= to context.configure()",
        ),
    ],
    ids=["translate-map", "run-arguments", "transactions"],
)
def test_what_differs_from_tenant_to_tenant_is_left_to_env_py(
    project: Project, schemas: Schemas, copied: Copied, differs: dict[str, str], told: str
) -> None:
    schemas(*FLEET)
    project.environment(**differs)
    project.revision("a", None, ITEMS, 'op.drop_table("items")', arguments="**given")
    project.revision("b", "a", NOTED, arguments="**given")
    for engine in (Engine.LIVE, Engine.REPLAY):
        with pytest.raises(NotHonouredError, match=re.escape(told)) as refused:
            project.run(FLEET, engine=engine)
        assert "only env.py itself can do (--engine env)" in str(refused.value)
    done = both_roads(project, copied, engine=Engine.AUTO)
    assert set(done.taken.values()) == {"env"}
    (warned,) = [e.message for e in done.events if isinstance(e, Warned)]
    assert told in warned
    assert warned.endswith("so env.py migrates every tenant by itself")
    assert told in done.reasons["a"]


def test_version_tables_of_several_names_are_refused(project: Project, schemas: Schemas) -> None:
    schemas(*FLEET)
    project.environment("version_table='v_' + schema")
    project.revision("a", None, ITEMS)
    for engine in (Engine.AUTO, Engine.ENV):
        with pytest.raises(ConfigurationError, match="Give the table one name"):
            project.run(FLEET, engine=engine)


def test_reading_env_py_leaves_no_trace(project: Project, schemas: Schemas) -> None:
    schemas(*FLEET)
    project.environment(
        before="""
        connection.exec_driver_sql("CREATE TABLE public.made_by_env (id int)")
        connection.commit()
        """
    )
    project.revision("a", None, ITEMS)
    project.run(FLEET).require_success()
    assert query(project.url, "SELECT to_regclass('public.made_by_env')") == [(None,)]
