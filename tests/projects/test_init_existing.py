"""`tenancy init` in an Alembic project: it says what works, and changes nothing unasked."""

from __future__ import annotations

from pathlib import Path

import alembic
import pytest

from cli_terminal import terminal
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.history.shape import EnvKind, shape_of
from helped import Helped

X = "from alembic import context\nx = context.get_x_argument(as_dictionary=True)\n"
ATTRIBUTES = "from alembic import context\nschema = context.config.attributes['schema']\n"
LOOP = """
def run(schema):
    context.configure(version_table_schema=schema)
    context.run_migrations()

def online():
    for schema in schemas():
        run(schema)
"""
TEMPLATES = Path(alembic.__file__).parent / "templates"


@pytest.fixture
def existing(helped: Helped) -> Helped:
    """An Alembic project without settings of tenancy."""
    (helped.folder / "tenancy.toml").unlink()
    helped.ini(f"sqlalchemy.url = {helped.url.replace('%', '%%')}")
    return helped


def _there(project: Helped) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in project.folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        (X, EnvKind.X_ARGUMENTS, 2),
        (ATTRIBUTES, EnvKind.ATTRIBUTES, 2),
        (LOOP, EnvKind.LOOP, 7),
        ("from fastapi_tenancy.migrations.env import run_migrations\n", EnvKind.HELPER, 1),
        ("import fastapi_tenancy.migrations.env as e\n", EnvKind.HELPER, 1),
        ("for x in range(3):\n    print(x)\n", EnvKind.PLAIN, None),
    ],
)
def test_shapes_are_told_apart(tmp_path: Path, text: str, kind: EnvKind, line: int | None):
    path = tmp_path / "env.py"
    path.write_text(text)
    shape = shape_of(path)
    assert (shape.kind, shape.line, shape.asynchronous) == (kind, line, False)


@pytest.mark.parametrize(
    ("template", "kind", "asynchronous"),
    [
        ("generic", EnvKind.PLAIN, False),
        ("async", EnvKind.PLAIN, True),
        ("multidb", EnvKind.LOOP, False),
        ("pyproject", EnvKind.PLAIN, False),
    ],
)
def test_the_templates_of_alembic_are_known(template: str, kind: EnvKind, asynchronous: bool):
    shape = shape_of(TEMPLATES / template / "env.py")
    assert (shape.kind, shape.asynchronous) == (kind, asynchronous)


def test_an_env_py_that_is_not_python_is_told(tmp_path: Path):
    path = tmp_path / "env.py"
    path.write_text("import this\nfor x in:\n")
    with pytest.raises(ConfigurationError, match=r"env.py, line 2 is not Python"):
        shape_of(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        shape_of(tmp_path / "none.py")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (X, "asks `alembic -x` whose turn it is"),
        (ATTRIBUTES, "asks config.attributes"),
        (LOOP, "goes through schemas or databases itself"),
        ("import alembic\n", "connects to one database and does not ask"),
    ],
)
def test_nothing_is_changed_without_being_asked(existing: Helped, text: str, said: str):
    (existing.folder / "alembic" / "env.py").write_text(text)
    before = _there(existing)
    done = existing.tenancy("init")
    assert done.code == 2
    assert said in done.out
    assert "works as it is: " in done.out
    assert '+isolation_strategy = "schema"' in done.out
    assert "this would write tenancy.toml, as shown; say --yes" in done.err
    assert _there(existing) == before


def test_settings_are_added_after_a_yes(existing: Helped):
    before = _there(existing)
    with terminal(existing, "init", "--isolation", "hybrid") as seen:
        seen.wait_for("Write tenancy.toml? [y/N]: ")
        seen.type("n\n")
        assert seen.wait().code == 2
    assert _there(existing) == before
    with terminal(existing, "init", "--isolation", "hybrid") as seen:
        seen.wait_for("Write tenancy.toml? [y/N]: ")
        seen.type("y\n")
        assert seen.wait().code == 0
    after = _there(existing)
    assert after.keys() - before.keys() == {str(existing.folder / "tenancy.toml")}
    assert {name: after[name] for name in before} == before
    existing.add("acme")
    existing.done("tenancy upgrade --create")
    assert existing.stands() == {"tenant_acme": "r3"}


def test_with_settings_there_is_nothing_to_do(existing: Helped):
    existing.done("tenancy init --yes")
    before = _there(existing)
    assert "there is nothing to change" in existing.done("tenancy init")
    assert _there(existing) == before


def test_a_project_in_pyproject_alone_is_one(existing: Helped):
    (existing.folder / "alembic.ini").unlink()
    (existing.folder / "pyproject.toml").write_text("[tool.alembic]\nscript_location = 'alembic'\n")
    done = existing.tenancy("init --yes")
    assert done.code == 0, done.err
    assert "pyproject.toml is an Alembic project" in done.out
    assert (existing.folder / "tenancy.toml").is_file()
    assert not (existing.folder / "alembic.ini").exists()


def test_a_project_with_an_sqlite_url_gets_a_file_per_tenant(existing: Helped):
    existing.ini("sqlalchemy.url = sqlite:///app.db")
    assert '+isolation_strategy = "database"' in existing.tenancy("init").out
