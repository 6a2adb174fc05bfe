"""Settings that refer to a variable or a file, and keys; none of them is ever shown."""

from __future__ import annotations

import traceback
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.opening import complete, open_store

URL = "postgresql://u:geheim@h/db"
OLD, NEW = (urlsafe_b64encode(letter * 32).decode() for letter in (b"o", b"n"))


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(**values: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        TenancyConfig(**values)
    assert "geheim" not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


@pytest.mark.parametrize("setting", ["database_url", "catalogue_url"])
@pytest.mark.parametrize("form", ["env:MAIN_DB", "file:secrets/db", "file:{0}", "file://{0}"])
def test_a_url_may_be_in_a_variable_or_a_file(
    project: Path, setting: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "secrets").mkdir()
    (project / "secrets" / "db").write_text(f"{URL}\n")
    monkeypatch.setenv("MAIN_DB", URL)
    (project / "tenancy.toml").write_text(
        f"{setting} = '{form.format(project / 'secrets' / 'db')}'\n"
    )
    found = getattr(TenancyConfig(), setting)
    assert str(found) == URL
    assert "geheim" not in repr(found)


def test_a_template_may_be_in_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPLATE", "postgresql://u:geheim@h/{identifier}")
    config = TenancyConfig(database_url_template="env:TEMPLATE")
    assert str(config.database_url_template) == "postgresql://u:geheim@h/{identifier}"


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("env:NOWHERE", "database_url in tenancy.toml: it refers to the environment variable NOWH"),
        ("env:EMPTY", "the environment variable EMPTY, which is empty"),
        ("env:", "followed by the name of an environment variable, such as env:DATABASE_URL"),
        ("env:postgresql://u:geheim@h/db", "followed by the name of an environment variable"),
        ("env:WRONG", "what env:WRONG stands for is not a URL that can be used here (it is not sh"),
        ("env:CHAIN", "what env:CHAIN stands for is not a URL"),
        ("file:nowhere", "it refers to the file nowhere, which cannot be read: No such file"),
        ("file:empty", "it refers to the file empty, which is empty"),
        ("file:.", "it refers to the file ., which cannot be read: Is a directory"),
        ("file:bytes", "it refers to the file bytes, which cannot be read: it is no text"),
        ("file:a\\u0000b", "which cannot be read: it is no text"),
        ("file:wrong", "what file:wrong stands for is not a URL"),
    ],
)
def test_a_reference_that_leads_nowhere_is_said(
    project: Path, reference: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMPTY", " ")
    monkeypatch.setenv("WRONG", "mysql://geheim")
    monkeypatch.setenv("CHAIN", "env:WRONG")
    (project / "empty").write_text("\n")
    (project / "bytes").write_bytes(b"\xff")
    (project / "wrong").write_text("geheim")
    (project / "tenancy.toml").write_text(f'database_url = "{reference}"\n')
    assert told in refusal()


def test_keys_are_read_from_where_they_are_and_hidden(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "keys").write_text(f"{NEW}\n{OLD}\n")
    monkeypatch.setenv("KEYS", f"{NEW},{OLD}")
    monkeypatch.setenv("KEY", NEW)
    for given in (f"{NEW}, {OLD}", "file:keys", "env:KEYS", f"env:KEY,{OLD}", ["env:KEY", OLD]):
        config = TenancyConfig(encryption_keys=given)
        assert config.encryption_keys == (NEW, OLD)
        assert not any(key in repr(config) + str(config) for key in (NEW, OLD))
        assert complete(config).encryption_keys == (NEW, OLD)
    assert TenancyConfig().encryption_keys == ()
    monkeypatch.setenv("TENANCY_ENCRYPTION_KEYS", f'["{NEW}"]')
    assert TenancyConfig().encryption_keys == (NEW,)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("geheim", "the argument encryption_keys: number 1 of them is not a Fernet key"),
        (
            f"{OLD},geheim",
            "number 2 of them is not a Fernet key (it is not shown here). This makes",
        ),
        (OLD[:-8], "number 1 of them is not a Fernet key"),
        ("gehe\u00efm" * 8, "number 1 of them is not a Fernet key"),
        ("env:NOWHERE", "number 1 of them: it refers to the environment variable NOWHERE, which"),
        (["geheim", 3], "expected keys, or env:NAME or file:PATH, separated by commas"),
        ("[geheim", "expected keys, or env:NAME"),
        (3, "expected keys, or env:NAME"),
    ],
)
def test_what_is_no_key_is_said_and_not_shown(keys: Any, told: str) -> None:
    assert told in refusal(encryption_keys=keys)


def test_two_files_that_disagree_show_no_key(project: Path) -> None:
    (project / "tenancy.toml").write_text(f"encryption_keys = '{OLD}'\n")
    (project / "pyproject.toml").write_text("[tool.tenancy]\nencryption_keys = 'geheim'\n")
    told = refusal()
    assert "encryption_keys is *** in tenancy.toml but *** in [tool.tenancy]" in told
    assert OLD not in told


async def test_the_catalogue_is_opened_with_the_keys(project: Path) -> None:
    config = TenancyConfig(catalogue_url=f"sqlite:///{project}/c.db", encryption_keys=OLD)
    store: Any = open_store(config)
    await store.initialize()
    assert (await store.reencrypt()).current == 0
    await store.close()
