"""Revisions that render without an error and lie: each is seen through, and ends as Alembic's does.

The ways are those found in public histories: each renders to other statements than it sends
when it runs, or to statements that only fit the tenant they were rendered for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from fastapi_tenancy.model.plan import Road
from project import ITEMS, Project
from same import FLEET, both_roads
from snapshot import rows

Schemas = Callable[..., list[str]]
Copied = Callable[[], str]


@dataclass(frozen=True)
class Lie:
    """A revision's source, the road it must take and a word of the reason given."""

    name: str
    road: Road
    reason: str
    up: str
    top: str = ""


CUSTOM = """
from alembic.operations import MigrateOperation, Operations

@Operations.register_operation("say_mode")
class SayMode(MigrateOperation):
    @classmethod
    def say_mode(cls, operations):
        return operations.invoke(cls())

@Operations.implementation_for(SayMode)
def say_mode(operations, operation):
    operations.execute(f"UPDATE items SET note = '{{{look}}}'")
"""

LIES = [
    Lie(
        "bound parameters are dropped offline",
        Road.LIVE,
        "op.get_bind()",
        'op.get_bind().execute(sa.text("UPDATE items SET note = :n WHERE name = :m"),'
        ' {"n": "bound", "m": "one"})',
    ),
    Lie(
        "a branch on offline mode of the context",
        Road.LIVE,
        "is_offline_mode",
        "op.execute(\"UPDATE items SET note = 'offline'\" if context.is_offline_mode()"
        " else \"UPDATE items SET note = 'online'\")",
    ),
    Lie(
        "a branch on as_sql",
        Road.LIVE,
        "as_sql",
        "op.execute(\"UPDATE items SET note = 'offline'\" if op.get_context().as_sql"
        " else \"UPDATE items SET note = 'online'\")",
    ),
    Lie(
        "a branch on as_sql in an operation of one's own",
        Road.LIVE,
        "as_sql",
        "op.say_mode()",
        CUSTOM.format(look="operations.migration_context.as_sql"),
    ),
    Lie(
        "a branch on as_sql of the impl in an operation of one's own",
        Road.LIVE,
        "impl",
        "op.say_mode()",
        CUSTOM.format(look="operations.impl.as_sql"),
    ),
    Lie(
        "a branch on the dialect of the bind",
        Road.LIVE,
        "op.get_bind()",
        'op.execute("UPDATE items SET note = " + repr(op.get_bind().dialect.driver))',
    ),
    Lie(
        "a branch on the dialect of the context",
        Road.LIVE,
        "dialect",
        "d = op.get_context().dialect\n"
        "op.execute(f\"UPDATE items SET note = '{d.name} {d.paramstyle}'\")",
    ),
    Lie(
        "a branch on the bind of context",
        Road.LIVE,
        "get_bind",
        "bind = context.get_bind()\n"
        "op.execute(f\"UPDATE items SET note = '{type(bind).__name__}'\")",
    ),
    Lie(
        "a swallowed read",
        Road.LIVE,
        "op.get_bind()",
        """
        try:
            found = op.get_bind().execute(sa.text("SELECT count(*) FROM items")).scalar_one()
            op.execute(f"UPDATE items SET note = 'found {found}'")
        except Exception:
            op.execute("UPDATE items SET note = 'nothing found'")
        """,
    ),
    Lie(
        "a read swallowed by a bare except",
        Road.LIVE,
        "op.get_bind()",
        """
        try:
            found = op.get_bind().execute(sa.text("SELECT count(*) FROM items")).scalar_one()
            op.execute(f"UPDATE items SET note = 'found {found}'")
        except:
            pass
        """,
    ),
    Lie(
        "a read swallowed by a finally that returns",
        Road.LIVE,
        "op.get_bind()",
        """
        found = -1
        for _ in range(1):
            try:
                found = op.get_bind().execute(sa.text("SELECT count(*) FROM items")).scalar_one()
            finally:
                break
        op.execute(f"UPDATE items SET note = 'found {found}'")
        """,
    ),
    Lie(
        "an inspector",
        Road.LIVE,
        "op.get_bind()",
        'if not any(c["name"] == "z" for c in sa.inspect(op.get_bind()).get_columns("items")):\n'
        '    op.add_column("items", sa.Column("z", sa.Integer))',
    ),
    Lie(
        "an ORM session",
        Road.LIVE,
        "op.get_bind()",
        """
        from sqlalchemy.orm import Session
        session = Session(bind=op.get_bind())
        session.execute(sa.text("UPDATE items SET note = :v"), {"v": "session"})
        session.flush()
        """,
    ),
    Lie(
        "an untyped empty array",
        Road.LIVE,
        "array",
        """
        from sqlalchemy.dialects import postgresql as pg
        op.add_column("items", sa.Column("tags", pg.ARRAY(sa.Integer)))
        op.execute(sa.table("items", sa.column("tags", pg.ARRAY(sa.Integer))).update().values(tags=[]))
        """,
    ),
    Lie(
        "a default made in Python",
        Road.LIVE,
        "made in Python",
        """
        made = sa.Table("items", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("name", sa.String), sa.Column("note", sa.String, default=lambda: "made"))
        op.execute(made.insert().values(name="four"))
        """,
    ),
    Lie(
        "batch mode",
        Road.LIVE,
        "batch",
        'with op.batch_alter_table("items") as batch:\n    batch.add_column(sa.Column("b", sa.Integer))',
    ),
    Lie(
        "uuid4",
        Road.PER_TENANT,
        "random or time",
        "op.execute(f\"UPDATE items SET note = '{uuid.uuid4()}'\")",
        "import uuid",
    ),
    Lie(
        "uuid1",
        Road.PER_TENANT,
        "random or time",
        "op.execute(f\"UPDATE items SET note = '{uuid.uuid1()}'\")",
        "import uuid",
    ),
    Lie(
        "a date that is the same twice in a day",
        Road.PER_TENANT,
        "random or time",
        "op.execute(f\"UPDATE items SET note = '{datetime.date.today()}'\")",
        "import datetime",
    ),
    Lie(
        "utcnow",
        Road.PER_TENANT,
        "random or time",
        'now = datetime.datetime.now(datetime.timezone.utc).isoformat(" ", "microseconds")\n'
        "op.execute(f\"UPDATE items SET note = '{now}'\")",
        "import datetime",
    ),
    Lie(
        "the clock, rounded",
        Road.PER_TENANT,
        "random or time",
        "op.execute(f\"UPDATE items SET note = '{int(time.time()) > 0}'\")",
        "import time",
    ),
    Lie(
        "strftime of the current time",
        Road.PER_TENANT,
        "random or time",
        "op.execute(\"UPDATE items SET note = '%s'\" % time.strftime('%Y'))",
        "import time",
    ),
    Lie(
        "ctime of the current time",
        Road.PER_TENANT,
        "random or time",
        "op.execute(f\"UPDATE items SET note = '{len(time.ctime())}'\")",
        "import time",
    ),
    Lie(
        "bytes of chance",
        Road.PER_TENANT,
        "random or time",
        "op.execute(f\"UPDATE items SET note = '{len(os.urandom(8))}'\")",
        "import os",
    ),
    Lie(
        "a token of chance",
        Road.PER_TENANT,
        "random or time",
        "op.execute(f\"UPDATE items SET note = '{len(secrets.token_hex(8))}'\")",
        "import secrets",
    ),
    Lie(
        "a choice",
        Road.PER_TENANT,
        "random or time",
        "op.execute(f\"UPDATE items SET note = '{random.choice(['x'])}'\")",
        "import random",
    ),
    Lie(
        "chance taken by a module that the revision imports",
        Road.PER_TENANT,
        "random or time",
        "op.execute(f\"UPDATE items SET note = '{tempname()}'\")",
        "from tempfile import mktemp\ndef tempname(): return len(mktemp(dir='/x'))",
    ),
    Lie(
        "a value made while the module is imported",
        Road.PER_TENANT,
        "random or time",
        "op.execute(f\"UPDATE items SET note = '{KEY}'\")",
        "import uuid\nKEY = uuid.uuid4()",
    ),
    Lie(
        "whose turn it is, from the x-arguments",
        Road.PER_TENANT,
        "depends on the tenant",
        "x = context.get_x_argument(as_dictionary=True)\n"
        "op.execute(f\"UPDATE items SET note = '{x['schema']}'\")",
    ),
    Lie(
        "whose turn it is, from the list of x-arguments",
        Road.PER_TENANT,
        "depends on the tenant",
        'x = [a for a in context.get_x_argument() if a.startswith("tenant=")]\n'
        "op.execute(f\"UPDATE items SET note = '{x[0]}'\")",
    ),
    Lie(
        "whose turn it is, from the command's options",
        Road.PER_TENANT,
        "depends on the tenant",
        "x = [a for a in context.config.cmd_opts.x if a.startswith('tenant=')]\n"
        "op.execute(f\"UPDATE items SET note = '{x[0]}'\")",
    ),
    Lie(
        "indexes that come out of a set",
        Road.REPLAY,
        "same statements",
        """
        op.create_table("many", *[sa.Column(f"c{n}", sa.Integer, index=True) for n in range(9)])
        """,
    ),
    Lie(
        "bulk inserts and bound text of op.execute",
        Road.REPLAY,
        "same statements",
        """
        t = sa.table("items", sa.column("name", sa.String), sa.column("note", sa.Text))
        op.bulk_insert(t, [{"name": "50%", "note": "a:b"}, {"name": "it's", "note": r"back\\slash"}])
        op.execute(sa.text("UPDATE items SET note = :n WHERE name = 'one'").bindparams(n="%(x)s :y ?"))
        """,
    ),
    Lie(
        "UUIDs that are always the same",
        Road.REPLAY,
        "same statements",
        """
        op.add_column("items", sa.Column("key", sa.Uuid))
        op.add_column("items", sa.Column("text_key", sa.Uuid(as_uuid=False)))
        t = sa.table("items", sa.column("name", sa.String), sa.column("key", sa.Uuid),
                     sa.column("text_key", sa.Uuid(as_uuid=False)))
        text = "ABCDEF00-0000-0000-0000-000000000005"
        op.bulk_insert(t, [{"name": "four", "key": uuid.UUID(int=5), "text_key": text}])
        op.execute(t.update().where(t.c.name == "one").values(key=uuid.UUID(int=1)))
        """,
        top="import uuid",
    ),
    Lie(
        "percent signs, colons, tabs, backslashes and quotes in literals",
        Road.REPLAY,
        "same statements",
        r"""
        op.execute("UPDATE items SET note = '100%% %(a)s %s \\:b\t\\ tab' WHERE name = 'one'")
        op.execute(sa.text("UPDATE items SET note = '50% ''q'' \\:x' WHERE name = 'two'"))
        op.execute("UPDATE items SET note = E'a\\tb\\\\' || $$it's; $1$$ WHERE name = 'three'")
        """,
    ),
    Lie(
        "statements that end in comments and semicolons",
        Road.REPLAY,
        "same statements",
        """
        op.execute("UPDATE items SET note = 'c1' WHERE name = 'one' -- the first; of them")
        op.execute("UPDATE items SET note = 'c2' WHERE name = 'two'; -- done;")
        op.execute("UPDATE items SET note = 'c3' WHERE name = 'three'; /* ; */ ;")
        op.execute("-- nothing but a comment")
        """,
    ),
    Lie(
        "several statements in one string",
        Road.REPLAY,
        "same statements",
        "op.execute(\"UPDATE items SET note = 'x;y'; INSERT INTO items (name) VALUES ('four');\")",
    ),
    Lie(
        "prints while rendering",
        Road.REPLAY,
        "same statements",
        "print('DROP TABLE items;')\nop.execute(\"UPDATE items SET note = 'printed'\")",
    ),
]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.name)
def test_is_seen_through(lie: Lie, project: Project, schemas: Schemas, copied: Copied) -> None:
    project.revision("r1", None, ITEMS)
    schemas(*FLEET)
    project.run(FLEET).require_success()
    project.revision("r2", "r1", lie.up, top=lie.top)

    done = both_roads(project, copied)

    assert done.roads["r2"] is lie.road, done.reasons["r2"]
    assert lie.reason in done.reasons["r2"]
    assert not done.report.differences


def test_chance_is_taken_for_each_tenant(project: Project, schemas: Schemas) -> None:
    project.revision("r1", None, ITEMS)
    project.revision(
        "r2", "r1", "op.execute(f\"UPDATE items SET note = '{uuid.uuid4()}'\")", top="import uuid"
    )
    project.run(FLEET).require_success()
    notes = {row for name in FLEET for row in rows(project.url, name, "items")}
    assert len(notes) == 3 * len(FLEET)
