"""`tenancy revision`: files as Alembic writes them, of what models and migrations differ in."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from cli_desk import Desk
from test_bad_input import refused

TEMPLATE = '''"""${message}"""
from alembic import op
import sqlalchemy as sa

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
'''
MODELS = """
    metadata = sa.MetaData()
    sa.Table(
        "notes", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text),
        sa.Column("author", sa.Text), *extra,
    )
"""
FOLLOWING = """
    import sqlalchemy as sa
    from alembic import context

    asked = context.get_x_argument(as_dictionary=True)
    schema = asked["schema"]
    assert context.config.attributes["tenant"] == asked["tenant"]
    extra = [sa.Column("mood", sa.Text)] if "mood" in asked else []
{models}
    with open("asked.txt", "w") as file:
        print(asked["tenant"], schema, asked["url"].partition("://")[0], file=file)
    with sa.create_engine(asked["url"], poolclass=sa.NullPool).connect() as connection:
        connection.execute(sa.text("SELECT set_config('search_path', :s, false)"), {{"s": schema}})
        connection.commit()
        connection.dialect.default_schema_name = schema
        context.configure(connection=connection, target_metadata=metadata{options})
        with context.begin_transaction():
            context.run_migrations()
"""
ALONE = """
    import sqlalchemy as sa
    from alembic import context

    extra = []
{models}
    url = context.config.get_main_option("sqlalchemy.url")
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        context.configure(connection=connection, target_metadata=metadata{options})
        with context.begin_transaction():
            context.run_migrations()
"""


def env(desk: Desk, text: str = FOLLOWING, **said: str) -> Path:
    """Write env.py down."""
    path = desk.folder / "migrations" / "env.py"
    filled = textwrap.dedent(text.format(models=MODELS, **{"options": "", **said}))
    path.write_text(filled)
    return path


def versions(desk: Desk) -> set[str]:
    return {p.name for p in (desk.folder / "migrations" / "versions").glob("*.py")}


@pytest.fixture
def writer(desk: Desk) -> Desk:
    """A project that revisions can be written in."""
    (desk.folder / "migrations" / "script.py.mako").write_text(TEMPLATE)
    return desk


@pytest.fixture
def standing(writer: Desk, fleet: Callable[..., Desk]) -> Desk:
    """Two tenants at head and one behind them, which comes first; env.py goes where it is told."""
    fleet("acme", "bolt", "crux", at="0002")
    assert writer.run("upgrade", "--exclude", "acme").code == 0
    env(writer)
    return writer


def test_a_plain_revision_asks_no_server_and_no_tenant(writer: Desk):
    writer.shell.environment["TENANCY_DATABASE_URL"] = "postgresql://nowhere.invalid/none"
    done = writer.run("revision", "-m", "Späße & more", "--rev-id", "0004")
    assert done.code == 0, done
    path = writer.folder / "migrations" / "versions" / "0004_späße_more.py"
    assert done.out == f"wrote {path}\n"
    assert "Späße & more" in path.read_text()
    assert writer.run("heads").out.count("0004 (head)") == 1


def test_the_options_of_alembic(writer: Desk):
    asked = ("--head", "0001", "--splice", "--branch-label", "side", "--depends-on", "0003")
    (found,) = writer.json("revision", *asked, "--rev-id", "beef")["revisions"]
    assert (found["down_revisions"], found["depends_on"], found["labels"]) == (
        ["0001"],
        ["0003"],
        ["side"],
    )
    assert Path(found["path"]).is_file()


SCHEMAS = "SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1"


def test_the_models_are_compared_with_what_the_migrations_make(standing: Desk):
    standing.sql("ALTER TABLE tenant_bolt.notes ADD only_here int")
    before = standing.sql(SCHEMAS), standing.stands()
    done = standing.run("revision", "--autogenerate", "-m", "moods", "-x", "mood=1")
    assert done.code == 0, done
    assert "compared with what the migrations make; read it" in done.out
    assert done.err == ""
    (made,) = (standing.folder / "migrations" / "versions").glob("*moods.py")
    operations = [line for line in made.read_text().splitlines() if " op." in line]
    assert operations == [
        "    op.add_column('notes', sa.Column('mood', sa.Text(), nullable=True))",
        "    op.drop_column('notes', 'mood')",
    ]
    tenant, schema, _scheme = (standing.folder / "asked.txt").read_text().split()
    assert tenant == schema
    assert schema.startswith("tenancy_scratch_")
    assert (standing.sql(SCHEMAS), standing.stands()) == before
    assert standing.run("upgrade").code == 0
    assert standing.sql("SELECT mood FROM tenant_acme.notes") == []


def test_no_tenant_is_needed(writer: Desk):
    env(writer)
    writer.shell.environment["TENANCY_CATALOGUE_URL"] = "postgresql://nowhere.invalid/none"
    assert writer.json("revision", "--autogenerate")["empty"] is True
    document = writer.json("revision", "--autogenerate", "-x", "mood=1")
    assert (document["compared_with"], document["empty"]) == (None, False)


def test_the_tenant_that_is_named_is_compared_with(standing: Desk):
    standing.sql("ALTER TABLE tenant_crux.notes ADD extra int")
    document = standing.json("revision", "--autogenerate", "--tenant", "crux")
    assert (document["compared_with"], document["empty"]) == ("crux", False)
    (found,) = document["revisions"]
    assert "op.drop_column('notes', 'extra')" in Path(found["path"]).read_text()


def test_nothing_is_written_where_nothing_differs(standing: Desk):
    done = standing.run("revision", "--autogenerate")
    assert done.out == (
        "no difference between the models and what the migrations make: nothing was written\n"
    )
    done = standing.run("revision", "--autogenerate", "--tenant", "bolt")
    assert done.out == "no difference between the models and tenant bolt: nothing was written\n"
    document = standing.json("revision", "--autogenerate")
    assert document == {"revisions": [], "compared_with": None, "empty": True}
    assert len(versions(standing)) == 3


def test_env_decides_what_becomes_of_a_difference(standing: Desk):
    env(
        standing,
        options=", process_revision_directives=lambda c, r, made: made.clear()"
        " if context.config.cmd_opts.autogenerate else None",
    )
    done = standing.run("revision", "--autogenerate", "-x", "mood=1")
    assert done.code == 0, done
    assert len(versions(standing)) == 3


def test_whoever_is_not_at_head_is_refused(standing: Desk):
    done = standing.run("revision", "--autogenerate", "--tenant", "acme")
    refused(done, "'acme' is not there: 0002", "tenancy upgrade --tenant acme", "head (0003)")
    refused(standing.run("revision", "--autogenerate", "--tenant", "nobody"), "no tenant 'nobody'")
    assert len(versions(standing)) == 3


def test_a_missing_schema_is_said(standing: Desk):
    standing.add("dune", schemas=False)
    done = standing.run("revision", "--autogenerate", "--tenant", "dune")
    refused(done, "'dune' is not there: missing")


def test_the_first_revision_of_all(standing: Desk):
    for path in (standing.folder / "migrations" / "versions").glob("*.py"):
        path.unlink()
    standing.sql("DROP SCHEMA tenant_acme CASCADE; CREATE SCHEMA tenant_acme")
    for whom in ((), ("--tenant", "acme")):
        document = standing.json("revision", "--autogenerate", *whom)
        (made,) = (Path(found["path"]) for found in document["revisions"])
        assert "create_table('notes'" in made.read_text()
        made.unlink()
    assert standing.sql("SELECT to_regclass('tenant_acme.alembic_version')") == [(None,)]


@pytest.mark.parametrize("whom", [(), ("--tenant", "bolt")])
@pytest.mark.parametrize(
    "shape", [ALONE, FOLLOWING.replace('{{"s": schema}}', '{{"s": "public"}}')]
)
def test_an_env_that_goes_elsewhere_is_aimed(standing: Desk, shape: str, whom: tuple[str, ...]):
    standing.sql("CREATE TABLE public.everybodys (id int)")
    env(standing, shape)
    assert standing.json("revision", "--autogenerate", *whom)["empty"] is True
    env(standing, shape.replace("extra = ", "extra = [sa.Column('mood', sa.Text)]  # "))
    document = standing.json("revision", "--autogenerate", *whom)
    text = Path(document["revisions"][0]["path"]).read_text()
    assert "op.add_column('notes', sa.Column('mood'" in text
    assert "everybodys" not in text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("raise SystemExit('Name a schema')", "exit('Name a schema')"),
        ("raise RuntimeError('postgresql://u:hush@h/d')", "RuntimeError: postgresql://u:***@h/d"),
        ("syntax error", "env.py"),
        ("pass", "never called context.configure()"),
    ],
)
def test_an_env_that_fails(standing: Desk, text: str, told: str):
    for when in ("if True:\n", "from alembic import context\nif context.get_x_argument():\n"):
        (standing.folder / "migrations" / "env.py").write_text(f"{when}    {text}\n")
        refused(standing.run("revision", "--autogenerate"), told)
    assert len(versions(standing)) == 3


def test_an_env_that_fails_at_the_comparison_only(standing: Desk):
    path = env(standing)
    path.write_text(
        path.read_text().replace(
            "context.run_migrations()",
            "context.run_migrations()\n        1 / (not hasattr(context.config.cmd_opts, 'head'))",
        )
    )
    done = standing.run("revision", "--autogenerate")
    refused(done, "env.py, line ", "ZeroDivisionError", "Nothing was written")
    assert len(versions(standing)) == 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--rev-id", "0002"), "there is a revision '0002' already"),
        (("--rev-id", "a-b"), "'a-b' cannot be the id"),
        (("--rev-id", "../up"), "'../up' cannot be the id"),
        (("--rev-id", ""), ""),
        (("--head", "nowhere"), "no revision 'nowhere'"),
        (("--head", "0001"), "--splice"),
        (("--head", ""), "empty"),
        (("--depends-on", "nowhere"), "no revision 'nowhere'"),
        (("--branch-label", "0001"), "0001"),
        (("--branch-label", "a@b"), "a@b"),
        (("--version-path", "elsewhere"), "elsewhere"),
        (("--tenant", "acme"), "--autogenerate"),
        (("-x", "schema=public", "--autogenerate"), "-x schema="),
        (("-m", "two\nlines\x00"), ""),
        (("-m", "x" * 300), ""),
        (("-m", '"""quoted\\'), ""),
        (("-m", ""), ""),
    ],
)
def test_what_cannot_be_a_revision_leaves_nothing(
    writer: Desk, arguments: tuple[str, ...], told: str
):
    before = set(writer.folder.parent.rglob("*.py"))
    done = writer.run("revision", *arguments)
    if done.code:
        refused(done, told)
        assert "better message" not in done.err
        assert set(writer.folder.parent.rglob("*.py")) == before
    assert writer.run("history").code == 0


def test_several_heads_ask_for_one(writer: Desk):
    writer.revision("0002b", "0001", "another way", "pass")
    refused(writer.run("revision"), "0002b, 0003", "--head")
    assert writer.run("revision", "--head", "0003").code == 0


def test_a_template_of_no_use_leaves_nothing(writer: Desk):
    template = writer.folder / "migrations" / "script.py.mako"
    for text in ("def half(:", "${nothing_of_that_name}", "% if x", TEMPLATE.replace("labels", "")):
        template.write_text(text)
        refused(writer.run("revision", "--branch-label", "side"), "Nothing was written")
        assert len(versions(writer)) == 3
        assert writer.run("history").code == 0
    template.unlink()
    refused(writer.run("revision"), "script.py.mako")


def test_a_hook_that_fails_leaves_nothing(writer: Desk):
    ini = writer.folder / "alembic.ini"
    ini.write_text(
        ini.read_text() + "\n[post_write_hooks]\nhooks = pretty\npretty.type = nothing_like_it\n"
    )
    done = writer.run("revision")
    assert done.code == 2
    assert "error: Alembic refuses: No formatter with name 'nothing_like_it'" in done.err
    assert len(versions(writer)) == 3


def test_no_versions_folder(writer: Desk):
    folder = writer.folder / "migrations" / "versions"
    for path in folder.glob("*.py"):
        path.unlink()
    folder.rmdir()
    done = writer.run("revision", "-m", "first")
    assert done.code == 0, done
    assert writer.run("heads").code == 0


def test_a_file_is_named_and_found_as_the_project_says(fleet: Callable[..., Desk]):
    desk = fleet("ant", "bee", "cow")
    (desk.folder / "migrations" / "script.py.mako").write_text(TEMPLATE)
    ini = desk.folder / "alembic.ini"
    ini.write_text(
        ini.read_text()
        + "file_template = %%(year)d/%%(month).2d_%%(rev)s_%%(slug)s\n"
        + "truncate_slug_length = 8\nrecursive_version_locations = true\n"
    )
    done = desk.run("revision", "-m", "All of them", "--rev-id", "0004")
    assert done.code == 0, done
    versions = desk.folder / "migrations" / "versions"
    (made,) = versions.glob("*/*.py")
    assert made.parent.name.isdigit()
    assert made.name[2:] == "_0004_all_of_.py"
    assert str(made.relative_to(desk.folder)) in done.out
    assert desk.run("upgrade", "--create").code == 0
    assert set(desk.stands().values()) == {"0004"}


def test_a_missing_template_is_named_with_where_to_get_one(desk: Desk):
    done = desk.run("revision", "-m", "more")
    refused(done, "there is no ", "migrations/script.py.mako", "`alembic init`")
    assert "FileNotFoundError" not in done.err
