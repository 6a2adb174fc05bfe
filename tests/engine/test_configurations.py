"""Projects that are configured otherwise: pyproject.toml, several folders, other file names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.history.scripts import History, load_config
from fastapi_tenancy.model.plan import Engine
from project import ITEMS, Project
from snapshot import heads

Schemas = Callable[..., list[str]]
ENGINES = pytest.mark.parametrize("engine", [Engine.AUTO, Engine.LIVE, Engine.ENV])
TOML = """\
[project]
name = "shop"

[tool.alembic]
script_location = "%(here)s/scripts"
prepend_sys_path = ["%(here)s/lib"]
version_locations = ["%(here)s/scripts/versions", "%(here)s/more"]
file_template = "%%(year)d_%%(rev)s_%%(slug)s"
"""


def spread(project: Project) -> None:
    """Two revisions in two folders, and a module beside them that the first one imports."""
    (project.root / "lib").mkdir()
    (project.root / "lib" / "shop_names.py").write_text("TABLE = 'items'\n")
    project.revision(
        "r1", None, ITEMS.replace('"items"', "TABLE", 1), top="from shop_names import TABLE"
    )
    project.revision("r2", "r1", 'op.add_column("items", sa.Column("z", sa.Integer))')
    versions, more = project.root / "scripts" / "versions", project.root / "more"
    more.mkdir()
    (versions / "f01.py").rename(more / "2026_r2_z.py")


@ENGINES
@pytest.mark.parametrize("named", ["alembic.ini", "pyproject.toml"])
def test_a_project_in_pyproject_alone(
    project: Project, schemas: Schemas, engine: Engine, named: str
) -> None:
    project.ini.unlink()
    (project.root / "pyproject.toml").write_text(TOML)
    spread(project)
    project.ini = project.root / named
    fleet = schemas("a1", "a2")
    project.run(fleet, engine=engine).require_success()
    assert [heads(project.url, name) for name in fleet] == [{"r2"}, {"r2"}]


@ENGINES
def test_an_ini_file_that_spreads_its_revisions(
    project: Project, schemas: Schemas, engine: Engine
) -> None:
    project.ini.write_text(
        "[shop]\nscript_location = %(here)s/scripts\nprepend_sys_path = %(here)s/lib\n"
        "version_locations = %(here)s/scripts/versions:%(here)s/more\npath_separator = :\n"
        "file_template = %%(year)d_%%(rev)s_%%(slug)s\n"
    )
    spread(project)
    history = History(project.ini, "shop")
    assert history.heads == ("r2",)
    project.ini.write_text(project.ini.read_text().replace("[shop]", "[alembic]"))
    fleet = schemas("a1", "a2")
    project.run(fleet, engine=engine).require_success()
    assert project.plain(fleet) == [None, None]


def test_a_broken_pyproject_is_told_and_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("url = 'postgresql://a:s3cret@host\n")
    with pytest.raises(ConfigurationError, match="is not valid TOML") as told:
        load_config(tmp_path / "alembic.ini")
    assert "s3cret" not in str(told.value)


def test_no_project_at_all(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    with pytest.raises(
        ConfigurationError, match=r"no \[tool\.alembic\] in a pyproject\.toml there"
    ):
        load_config(tmp_path / "alembic.ini")
