"""A script directory that cannot be used is refused with the name of the file at fault."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from fastapi_tenancy.errors import ConfigurationError, ScriptError
from fastapi_tenancy.history.scripts import History

BODY = "\ndef upgrade():\n    pass\n\ndef downgrade():\n    pass\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The versions of a project with one revision, 0001."""
    versions = tmp_path / "scripts" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "scripts" / "env.py").write_text("")
    (tmp_path / "alembic.ini").write_text(
        "[alembic]\nscript_location = %(here)s/scripts\npath_separator = os\n"
    )
    write(versions, "first.py", "revision = '0001'\ndown_revision = None\n")
    return versions


def write(folder: Path, name: str, head: str, body: str = BODY) -> None:
    (folder / name).write_text(head + body)


def history(folder: Path) -> History:
    return History(folder.parent.parent / "alembic.ini")


def refusal(folder: Path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ScriptError) as caught:
            history(folder)
    return str(caught.value)


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ("import sys\nsys.exit(3)\n", "ended the process with exit(3)"),
        ("raise SystemExit\n", "ended the process with exit()"),
        ("raise BaseException('no')\n", "raised BaseException"),
        ("\x00\n", "null bytes"),
        ("revision = 4\ndown_revision = None\n", "are expected to be texts"),
        ("revision = '0002'\ndown_revision = 4\n", "names down_revision 4, which no revision file"),
        ("revision = '0002'\ndown_revision = '0009'\n", "names down_revision '0009'"),
        ("revision = '0002'\ndown_revision = ('0001', '0009')\n", "names down_revision '0009'"),
        (
            "revision = '0002'\ndown_revision = '0001'\ndepends_on = 'other'\n",
            "names depends_on 'other'",
        ),
        ("revision = '0002'\n", "cannot be loaded: AttributeError"),
        ("\n1 / 0\n", ", line 2, cannot be loaded: ZeroDivisionError"),
        ("a b\n", "has a syntax error in line 1"),
        ("x = 1\n", "Could not determine revision id"),
    ],
)
def test_the_file_is_named(folder: Path, head: str, told: str) -> None:
    write(folder, "second.py", head)
    text = refusal(folder)
    assert str(folder / "second.py") in text
    assert told in text


def test_two_files_with_one_id(folder: Path) -> None:
    write(folder, "again.py", "revision = '0001'\ndown_revision = None\n")
    text = refusal(folder)
    assert f"{folder / 'again.py'} and {folder / 'first.py'}" in text


def test_labels_and_dependencies_are_found(folder: Path) -> None:
    write(folder, "b.py", "revision = 'b1'\ndown_revision = None\nbranch_labels = ('side',)\n")
    write(folder, "c.py", "revision = '0002'\ndown_revision = '0001'\ndepends_on = ('side',)\n")
    (folder / "link.py").symlink_to(folder / "b.py")
    assert history(folder).known == {"0001", "0002", "b1"}


def test_a_project_without_revisions_is_loaded(folder: Path) -> None:
    (folder / "first.py").unlink()
    assert history(folder).heads == ()
    folder.rmdir()
    assert history(folder).heads == ()


def test_an_option_of_the_ini_file_that_is_no_number(folder: Path) -> None:
    ini = folder.parent.parent / "alembic.ini"
    ini.write_text(ini.read_text() + "truncate_slug_length = long\n")
    assert str(ini) in refusal(folder)


def test_a_circle(folder: Path) -> None:
    write(folder, "first.py", "revision = '0001'\ndown_revision = '0002'\n")
    write(folder, "second.py", "revision = '0002'\ndown_revision = '0001'\n")
    with pytest.raises(ConfigurationError, match="Cycle"):
        history(folder)
