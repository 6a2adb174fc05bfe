"""What cannot be carried out for any tenant is refused before anything is changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastapi_tenancy.errors import ConfigurationError, ScriptError, UnknownRevisionError
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.model.plan import Command


def project(root: Path, **revisions: str) -> History:
    """A project with these revision files, each after the first."""
    versions = root / "scripts" / "versions"
    versions.mkdir(parents=True)
    first = next(iter(revisions), None)
    for name, body in revisions.items():
        down = None if name == first else first
        (versions / f"{name}.py").write_text(
            f"revision = {name!r}\ndown_revision = {down!r}\n{body}\n"
        )
    (root / "alembic.ini").write_text(
        "[alembic]\nscript_location = %(here)s/scripts\npath_separator = os\n"
    )
    return History(root / "alembic.ini")


@pytest.mark.parametrize("revision", ["head", "heads", "base", "+1", "r1"])
@pytest.mark.parametrize("folder", ["empty", "missing"])
def test_no_revision_files(tmp_path: Path, revision: str, folder: str) -> None:
    history = project(tmp_path)
    versions = tmp_path / "scripts" / "versions"
    if folder == "missing":
        versions.rmdir()
        history = History(tmp_path / "alembic.ini")
    with pytest.raises(ConfigurationError) as caught:
        history.require(revision)
    assert str(caught.value).startswith(f"no revision files in {versions}")


UP = "def upgrade():\n    pass\n"
DOWN = "def downgrade():\n    pass\n"


def test_a_file_without_the_function(tmp_path: Path) -> None:
    history = project(tmp_path, r1=DOWN, r2=UP)
    with pytest.raises(ScriptError, match=r"r1\.py has no function upgrade\(\)"):
        history.span(Command.UPGRADE, "head", ())
    with pytest.raises(ScriptError, match=r"r2\.py has no function downgrade\(\)"):
        history.span(Command.DOWNGRADE, "r1", ("r2",))
    assert len(history.span(Command.UPGRADE, "head", ("r1",)).moves) == 1
    assert len(history.span(Command.DOWNGRADE, "base", ("r1",)).moves) == 1
    assert history.span(Command.STAMP, "head", ()).after == ("r2",)


def test_a_function_that_is_none(tmp_path: Path) -> None:
    history = project(tmp_path, r1="upgrade = None")
    with pytest.raises(ScriptError, match=r"no function upgrade\(\)"):
        history.span(Command.UPGRADE, "head", ())


@pytest.mark.parametrize("revision", ["abcdef12", "abcdef12+1"])
def test_the_beginning_of_two_ids(tmp_path: Path, revision: str) -> None:
    history = project(tmp_path, r1="", abcdef1234="", abcdef1299="")
    with pytest.raises(UnknownRevisionError) as caught:
        history.require(revision)
    told = "more than one revision begins with abcdef12: abcdef1234, abcdef1299"
    assert str(caught.value).startswith(told)


def test_the_beginning_of_one_id(tmp_path: Path) -> None:
    history = project(tmp_path, r1="", abcdef1234="", abcdef1299="")
    assert history.position_of("abcdef123") == ("abcdef1234",)
    with pytest.raises(UnknownRevisionError, match="no revision 'abcdef129999'"):
        history.require("abcdef129999")
