"""An ini file that cannot be read is told of in words, and never quoted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.history.scripts import load_config


def _refusal(folder: Path, text: str) -> str:
    ini = folder / "alembic.ini"
    ini.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_config(ini)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return str(caught.value)


def test_a_percent_sign_that_is_not_doubled(tmp_path: Path):
    url = "sqlalchemy.url = postgresql://app:s3cret%40@host/shop"
    text = _refusal(tmp_path, f"[alembic]\nscript_location = scripts\n{url}\n")
    assert text.startswith(f"sqlalchemy.url in {tmp_path / 'alembic.ini'} holds a %")
    assert text.endswith("is written twice: %%")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sqlalchemy.url = postgresql://app:s3cret@host/shop\n", "line 1 is not a valid ini file"),
        ("[alembic]\nurl = a:s3cret\nurl = b:s3cret\n", "line 3 is not a valid ini file"),
    ],
)
def test_a_file_that_is_no_ini_file(tmp_path: Path, text: str, told: str):
    assert told in _refusal(tmp_path, text)


def test_a_file_that_is_no_text(tmp_path: Path):
    ini = tmp_path / "alembic.ini"
    ini.write_bytes(b"[alembic]\nscript_location = \xff\xfe\x00s3cret\n")
    with pytest.raises(ConfigurationError) as caught:
        load_config(ini)
    assert str(caught.value).startswith(f"{ini} is not a text file")
    assert "s3cret" not in str(caught.value)


def test_a_folder(tmp_path: Path):
    ini = tmp_path / "alembic.ini"
    ini.mkdir()
    with pytest.raises(ConfigurationError, match="is a folder; expected an ini file"):
        load_config(ini)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file that even root cannot read")
def test_a_file_that_cannot_be_read():
    with pytest.raises(ConfigurationError, match="/proc/self/mem cannot be read"):
        load_config(Path("/proc/self/mem"))
