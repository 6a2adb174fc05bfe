"""Shapes of env.py: those that are followed, and those that are refused with an explanation."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.plan import Command, Road
from project import ITEMS, Project
from same import FLEET, both_roads
from snapshot import query

Schemas = Callable[..., list[str]]
Copied = Callable[[], str]

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


def test_a_translate_map_that_follows_something_else_is_refused(
    project: Project, schemas: Schemas
) -> None:
    schemas(*FLEET)
    project.environment(
        before="connection = connection.execution_options("
        'schema_translate_map={"tenant": "x_" + schema})'
    )
    project.revision("a", None, ITEMS)
    with pytest.raises(ConfigurationError, match="schema_translate_map"):
        project.run(FLEET)
    assert query(project.url, "SELECT count(*) FROM pg_tables WHERE schemaname LIKE 'a_'") == [(0,)]


def test_a_loop_over_schemas_is_named(project: Project, schemas: Schemas) -> None:
    schemas(*FLEET)
    project.environment(
        before="""
        for each in ("a1", "a2"):
            context.configure(connection=connection, version_table_schema=each)
            with context.begin_transaction():
                context.run_migrations()
        """
    )
    project.revision("a", None, ITEMS)
    with pytest.raises(ConfigurationError, match="3 times: it loops"):
        project.run(FLEET)


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
