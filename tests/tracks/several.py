"""A project of several histories: what tenants share, and what each has of its own."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

ENV = """\
from fastapi_tenancy.migrations.env import run_migrations

run_migrations({options})
"""
REVISION = '''"""{doc}"""
import sqlalchemy as sa
from alembic import op
{top}

revision = {name!r}
down_revision = {down!r}
branch_labels = {labels!r}


def upgrade({arguments}):
{up}


def downgrade({arguments}):
{undo}
'''
COMPANIES = 'op.create_table("companies", sa.Column("id", sa.Integer, primary_key=True))'
BOOKS = """
op.create_table(
    "books",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("company", sa.Integer, sa.ForeignKey("shared.companies.id")),
)
"""
TABLE = 'op.create_table("{0}", sa.Column("id", sa.Integer, primary_key=True))'
MODELS = """\
import sqlalchemy as sa

metadata = sa.MetaData()
sa.Table("companies", metadata, sa.Column("id", sa.Integer, primary_key=True), schema="shared")
sa.Table(
    "books", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("company", sa.ForeignKey("shared.companies.id")),
)
"""
TEMPLATE = '''"""${message}"""
import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None


def upgrade():
    ${upgrades}


def downgrade():
    ${downgrades}
'''
BROKEN = 'op.execute("SELECT no_such_function()")'


def scripts(folder: Path, options: str = "") -> Path:
    """A script directory whose env.py is that of our documentation."""
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENV.format(options=options))
    return folder


def revision(
    folder: Path,
    name: str,
    down: str | None,
    up: str,
    undo: str = "pass",
    *,
    top: str = "",
    arguments: str = "",
    labels: tuple[str, ...] | None = None,
) -> Path:
    """Write a revision file into a script directory."""
    path = folder / "versions" / f"{name}.py"
    text = REVISION.format(
        doc=f"{name} of {folder.name}",
        name=name,
        down=down,
        top=top,
        labels=labels,
        arguments=arguments,
        up=textwrap.indent(textwrap.dedent(up).strip(), "    "),
        undo=textwrap.indent(textwrap.dedent(undo).strip(), "    "),
    )
    path.write_text(text)
    return path


def ini(path: Path, sections: Mapping[str, Mapping[str, str]]) -> Path:
    """Write an ini file."""
    lines = []
    for section, options in sections.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {value}" for key, value in options.items()]
    path.write_text("\n".join(lines) + "\n")
    return path


def located(folder: str) -> dict[str, str]:
    """The options of a section whose scripts are in a folder beside the ini file."""
    return {"script_location": f"%(here)s/{folder}", "path_separator": "os"}


def shop(folder: Path) -> None:
    """Two histories: companies are shared, books belong to each tenant and name companies."""
    ini(folder / "alembic.ini", {"shared": located("shared"), "tenants": located("tenants")})
    (folder / "tenancy.toml").write_text(
        '[tracks.tenants]\nscope = "tenant"\nalembic_section = "tenants"\nafter = ["shared"]\n'
        '[tracks.shared]\nscope = "shared"\nalembic_section = "shared"\n'
    )
    revision(scripts(folder / "shared"), "s1", None, COMPANIES, 'op.drop_table("companies")')
    revision(scripts(folder / "tenants"), "t1", None, BOOKS, 'op.drop_table("books")')


def track(folder: Path, name: str, settings: str) -> None:
    """Add a track with one revision, which makes a table."""
    with (folder / "alembic.ini").open("a") as file:
        file.write(f"[{name}]\n")
        file.writelines(f"{key} = {value}\n" for key, value in located(name).items())
    with (folder / "tenancy.toml").open("a") as file:
        file.write(f'[tracks.{name}]\nalembic_section = "{name}"\n{settings}\n')
    revision(scripts(folder / name), f"{name}1", None, TABLE.format(name))


def shop_models(folder: Path) -> None:
    """The models of the shop, of both histories in one place."""
    (folder / "models.py").write_text(MODELS)
    for name in ("shared", "tenants"):
        env = "from models import metadata\n" + ENV.format(options="metadata")
        (folder / name / "env.py").write_text(env)
        (folder / name / "script.py.mako").write_text(TEMPLATE)
    path = folder / "alembic.ini"
    path.write_text(
        path.read_text().replace("path_separator", "prepend_sys_path = .\npath_separator")
    )


def operations(path: Path) -> list[str]:
    """What a revision that was written does, where it names a schema too."""
    up = path.read_text().partition("def downgrade")[0]
    return [line.strip() for line in up.splitlines() if " op." in line or "schema=" in line]
