"""Random histories: revisions of every kind, in graphs with branches, merges and dependencies.

Each revision works on a column, table or rows of its own, so that any order Alembic may choose
between branches leaves the same; within a branch the order shows in the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from project import Project

ROOT_UP = """
op.create_table(
    "items",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(60), nullable=False),
    sa.Column("grade", sa.Integer, nullable=False, server_default="1"),
)
op.create_table("trail", sa.Column("line", sa.Text, nullable=False))
op.execute("INSERT INTO items (name, grade) VALUES ('one', 1), ('two', 2), ('th''ree', 3)")
"""
ROOT_UNDO = "op.drop_table('trail')\nop.drop_table('items')"
WHOSE = """
import uuid
from datetime import datetime, timezone

def whose():
    from fastapi_tenancy.history.identity import current_identity
    identity = current_identity()
    if identity is None:  # plain Alembic
        return context.get_x_argument(as_dictionary=True)["tenant"]
    return identity.tenant().identifier
"""

Kind = tuple[str, str]
"""Source of upgrade and of downgrade; ``@`` stands for the number of the revision."""

KINDS: dict[str, Kind] = {
    "column": (
        'op.add_column("items", sa.Column("c@", sa.String(20), server_default="d@"))',
        'op.drop_column("items", "c@")',
    ),
    "table": (
        """
        op.create_table(
            "t@", sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("item", sa.Integer, sa.ForeignKey("items.id", ondelete="CASCADE"), index=True),
            sa.Column("mood", sa.Enum("sad", "gl'ad", name="mood@")),
            sa.Column("sum", sa.Numeric(10, 2), index=True),
            sa.CheckConstraint("sum > 0", name="sum@_positive"), comment="it's @")
        op.execute("INSERT INTO t@ (item, mood, sum) SELECT id, 'sad', grade FROM items")
        """,
        'op.drop_table("t@")\nop.execute("DROP TYPE mood@")',
    ),
    "rows": (
        """
        t = sa.table("trail", sa.column("line", sa.Text))
        op.bulk_insert(t, [{"line": "@ 50% %(a)s :b"}, {"line": "@ it's \\\\ \\t"}])
        op.execute("UPDATE items SET grade = grade * 2 WHERE name LIKE '%o%' AND @ % 2 = 0")
        """,
        "op.execute(\"DELETE FROM trail WHERE line LIKE '@ %'\")",
    ),
    "computed rows": (
        "op.execute(\"INSERT INTO trail SELECT '@ ' || count(*) || coalesce(max(line), '') FROM trail\")",
        "op.execute(\"DELETE FROM trail WHERE line LIKE '@ %'\")",
    ),
    "plpgsql": (
        """
        op.execute('''
            CREATE FUNCTION f@() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN NEW.grade := NEW.grade + @; RETURN NEW; END; $$;
            CREATE TRIGGER g@ BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION f@() -- end
        ''')
        op.execute("CREATE VIEW v@ AS SELECT id, name FROM items WHERE grade > 1")
        """,
        'op.execute("DROP VIEW v@; DROP TRIGGER g@ ON items; DROP FUNCTION f@()")',
    ),
    "chance": (
        """
        op.add_column("items", sa.Column("u@", sa.String(40)))
        op.execute(f"UPDATE items SET u@ = '{uuid.uuid4()}'")
        op.execute(f"INSERT INTO trail VALUES ('@ {datetime.now(timezone.utc).isoformat(' ', 'seconds')}')")
        """,
        'op.drop_column("items", "u@")\nop.execute("DELETE FROM trail WHERE line LIKE \'@ %\'")',
    ),
    "some tenants only": (
        """
        if whose() in ("a1", "a2", "b1"):
            op.create_table("only@", sa.Column("id", sa.BigInteger, primary_key=True))
        else:
            op.execute(f"INSERT INTO trail VALUES ('@ {whose()}')")
        """,
        'op.execute("DROP TABLE IF EXISTS only@")\nop.execute("DELETE FROM trail WHERE line LIKE \'@ %\'")',
    ),
    "bound parameters": (
        """
        bind = op.get_bind()
        found = bind.execute(sa.text("SELECT count(*) FROM items WHERE name <> :n"), {"n": "one"}).scalar()
        bind.execute(sa.text("INSERT INTO trail VALUES (:l)"), [{"l": f"@ {found} %"}, {"l": "@ x"}])
        """,
        'op.get_bind().execute(sa.text("DELETE FROM trail WHERE line LIKE :p"), {"p": "@ %"})',
    ),
    "inspector": (
        """
        names = {c["name"] for c in sa.inspect(op.get_bind()).get_columns("items")}
        if "i@" not in names:
            op.add_column("items", sa.Column("i@", sa.Integer))
        op.execute(f"INSERT INTO trail VALUES ('@ {len(names) > 2}')")
        """,
        'op.drop_column("items", "i@")\nop.execute("DELETE FROM trail WHERE line LIKE \'@ %\'")',
    ),
    "batch": (
        """
        with op.batch_alter_table("items") as batch:
            batch.add_column(sa.Column("b@", sa.Integer, nullable=True))
            batch.create_check_constraint("b@_small", "b@ < 10")
        """,
        'with op.batch_alter_table("items") as batch:\n    batch.drop_column("b@")',
    ),
    "offline branch": (
        "op.execute(f\"INSERT INTO trail VALUES ('@ {context.is_offline_mode()}')\")",
        "op.execute(\"DELETE FROM trail WHERE line LIKE '@ %'\")",
    ),
    "concurrently": (
        """
        op.execute("INSERT INTO trail VALUES ('@ before')")
        with op.get_context().autocommit_block():
            op.create_index("ix@", "items", ["name", "grade"], postgresql_concurrently=True)
        op.execute("INSERT INTO trail VALUES ('@ after')")
        """,
        """
        with op.get_context().autocommit_block():
            op.drop_index("ix@", postgresql_concurrently=True)
        op.execute("DELETE FROM trail WHERE line LIKE '@ %'")
        """,
    ),
    "concurrently on an expression": (
        """
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY IF NOT EXISTS ex@ ON items (lower(name)) WHERE grade > 0")
        """,
        'with op.get_context().autocommit_block():\n    op.execute("DROP INDEX CONCURRENTLY ex@")',
    ),
    "live and concurrently": (
        """
        names = [r[0] for r in op.get_bind().execute(sa.text("SELECT name FROM items ORDER BY id"))]
        op.execute(f"INSERT INTO trail VALUES ('@ {len(names)}')")
        with op.get_context().autocommit_block():
            op.create_index("lx@", "items", ["name"], postgresql_concurrently=True)
            op.execute("INSERT INTO trail VALUES ('@ inside')")
            op.bulk_insert(sa.table("trail", sa.column("line", sa.Text)), [{"line": "@ 1"}, {"line": "@ 2"}])
        op.execute("INSERT INTO trail VALUES ('@ after')")
        """,
        """
        assert op.get_bind().scalar(sa.text("SELECT 1")) == 1
        with op.get_context().autocommit_block():
            op.drop_index("lx@", postgresql_concurrently=True)
        op.execute("DELETE FROM trail WHERE line LIKE '@ %'")
        """,
    ),
    "enum value": (
        """
        op.execute("CREATE TYPE e@ AS ENUM ('a')")
        op.add_column("items", sa.Column("e@", sa.Enum("a", name="e@", create_type=False)))
        with op.get_context().autocommit_block():
            op.execute("ALTER TYPE e@ ADD VALUE 'b'")
        op.execute("UPDATE items SET e@ = 'b'")
        """,
        'op.drop_column("items", "e@")\nop.execute("DROP TYPE e@")',
    ),
    "nothing": ("pass", "pass"),
}

_TRAIL = "op.execute(\"DELETE FROM trail WHERE line LIKE '@ %'\")"
FILE_KINDS: dict[str, Kind] = {
    **{
        name: KINDS[name]
        for name in (
            "column",
            "rows",
            "computed rows",
            "chance",
            "some tenants only",
            "bound parameters",
            "inspector",
            "offline branch",
            "nothing",
        )
    },
    "table": (
        """
        op.create_table(
            "t@", sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("item", sa.Integer, sa.ForeignKey("items.id", ondelete="CASCADE"), index=True),
            sa.Column("mood", sa.Enum("sad", "gl'ad", name="mood@", create_constraint=True)))
        op.execute("INSERT INTO t@ (item, mood) SELECT id, 'sad' FROM items")
        """,
        'op.drop_table("t@")',
    ),
    "batch": (
        """
        with op.batch_alter_table("items") as batch:
            batch.add_column(sa.Column("b@", sa.Integer, nullable=True))
            batch.alter_column("grade", type_=sa.BigInteger)
        """,
        'with op.batch_alter_table("items") as batch:\n    batch.drop_column("b@")',
    ),
    "pragma": (
        """
        op.execute("INSERT INTO trail VALUES ('@ before')")
        op.execute("PRAGMA foreign_keys = ON")
        with op.batch_alter_table("items", recreate="always") as batch:
            batch.add_column(sa.Column("p@", sa.Text))
        op.execute("PRAGMA foreign_keys = OFF")
        op.execute("INSERT INTO trail VALUES ('@ after')")
        """,
        f'op.drop_column("items", "p@")\n{_TRAIL}',
    ),
    "vacuum": (
        """
        op.execute("INSERT INTO trail VALUES ('@ before')")
        with op.get_context().autocommit_block():
            op.execute("VACUUM")
        op.create_index("ix@", "items", ["name", "grade"])
        """,
        f'op.drop_index("ix@")\n{_TRAIL}',
    ),
}
"""What SQLite can do, and what it has no transaction for."""


@dataclass(frozen=True)
class Revision:
    """One revision of a drawn history."""

    number: int
    kind: str
    down: tuple[int, ...]
    depends: int | None = None
    labelled: bool = False

    @property
    def name(self) -> str:
        """Its id; the digits at the front make partial ids unique."""
        return f"{self.number:02}{self.kind.replace(' ', '')}"[:30]


@dataclass(frozen=True)
class Story:
    """A history, the options of env.py, where each tenant stands and where all shall go."""

    revisions: tuple[Revision, ...]
    transaction_per_migration: bool
    starts: tuple[tuple[str, int | None], ...]
    """Tenant and the number of the revision it stands at; None for an empty schema."""
    middle: int | None
    """A revision to stop at on the way down."""
    files: bool = False
    """Whether it is for SQLite files."""

    def write(self, project: Project) -> None:
        """Write the project."""
        project.environment(f"transaction_per_migration={self.transaction_per_migration}")
        names = [r.name for r in self.revisions]
        for revision in self.revisions:
            kinds = FILE_KINDS if self.files else KINDS
            up, undo = kinds[revision.kind] if revision.down else (ROOT_UP, ROOT_UNDO)
            down = tuple(names[n] for n in revision.down)
            project.revision(
                revision.name,
                down[0] if len(down) == 1 else down or None,
                up.replace("@", str(revision.number)),
                undo.replace("@", str(revision.number)),
                top=WHOSE,
                depends=None if revision.depends is None else [names[revision.depends]],
                labels=[f"label{revision.number}"] if revision.labelled else None,
            )


@st.composite
def stories(draw: st.DrawFn, *, files: bool = False) -> Story:
    """Histories of 8 to 14 revisions with a branch, mostly merged again, and six tenants.

    Four tenants stand together, enough for a replay to be proven and used; two anywhere.
    """
    count = draw(st.integers(8, 14))
    kinds = draw(st.permutations(sorted(FILE_KINDS if files else KINDS)))
    fork = draw(st.integers(2, count - 4))
    merge = draw(st.one_of(st.integers(fork + 2, count - 1), st.none()))
    revisions = [Revision(0, "nothing", ())]
    heads = [0]
    for number in range(1, count):
        if number == merge:
            revisions.append(Revision(number, "nothing", tuple(heads)))
            heads = [number]
            continue
        kind = kinds[number % len(kinds)]
        if number == fork:
            parent, depends = draw(st.integers(0, number - 2)), None
            heads.append(number)
        else:
            on = draw(st.integers(0, len(heads) - 1))
            parent, heads[on] = heads[on], number
            others = [h for h in heads if h != number]
            depends = draw(st.sampled_from([None, *others])) if others else None
        revisions.append(Revision(number, kind, (parent,), depends, number == fork))
    anywhere = st.one_of(st.integers(0, count - 1), st.none())
    together = draw(st.one_of(st.none(), st.integers(0, count // 2)))
    starts = [
        *((f"a{n}", together) for n in range(1, 5)),
        *((f"b{n}", draw(anywhere)) for n in (1, 2)),
    ]
    whole = draw(st.booleans())
    return Story(tuple(revisions), whole, tuple(starts), draw(anywhere), files)
