"""Settings of shards: tables in files, JSON in the environment, and what is wrong with them."""

from __future__ import annotations

import json
import traceback
from pathlib import Path

import pytest

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.opening import complete

EU = "postgresql://u:geheim@eu.example.com/shop"
US = "postgresql://u:geheim@us.example.com/shop"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal() -> str:
    with pytest.raises(ConfigurationError) as caught:
        TenancyConfig()
    assert "geheim" not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


def test_shards_are_tables(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("US_URL", US)
    (project / "pyproject.toml").write_text(
        f"[tool.tenancy.shards.eu]\nurl = '{EU}'\naccepts_tenants = false\n"
        "[tool.tenancy.shards.us-1]\nurl = 'env:US_URL'\nmax_tenants = 500\n"
        "database_url_template = 'postgresql://u:geheim@us.example.com/{database_name}'\n"
    )
    for config in (TenancyConfig(), complete(TenancyConfig())):
        eu, us = config.shards["eu"], config.shards["us-1"]
        assert list(config.shards) == ["eu", "us-1"]
        assert (str(eu.url), eu.accepts_tenants, eu.max_tenants) == (EU, False, None)
        assert (str(us.url), us.accepts_tenants, us.max_tenants) == (US, True, 500)
        assert config.database_url is None
        assert "geheim" not in repr(config) + str(config.shards)
    assert TenancyConfig().catalogue_url == "sqlite:///tenancy.db"


def test_the_environment_adds_to_the_tables(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "tenancy.toml").write_text("[shards.eu]\nurl = 'env:NOWHERE'\nmax_tenants = 3\n")
    monkeypatch.setenv("TENANCY_SHARDS", json.dumps({"eu": {"url": EU}, "us": {"url": US}}))
    config = TenancyConfig()
    assert {name: (str(s.url), s.max_tenants) for name, s in config.shards.items()} == {
        "eu": (EU, 3),
        "us": (US, None),
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[shards.eu]\n", "shards.eu.url in tenancy.toml is missing, and has to be there"),
        ("[shards.eu]\nurl = 'mysql://u:geheim@h/d'", "shards.eu.url in tenancy.toml: 'mysql://u:***"),
        ("[shards.eu]\nurl = 'env:NOWHERE'", "shards.eu.url in tenancy.toml: it refers to the env"),
        ("[shards.eu]\nurl = 3", "shards.eu.url in tenancy.toml: expected a database URL as text"),
        (f"[shards.eu]\nurl = '{EU}'\nmax = 3", "shards.eu.max in tenancy.toml is not a setting th"),
        (f"[shards.eu]\nurl = '{EU}'\nmax_tenants = 0", "shards.eu.max_tenants in tenancy.toml is '0'"),
        (f"[shards.eu]\nurl = '{EU}'\nmax_tenants = true", "max_tenants in tenancy.toml is 'True'"),
        (f"[shards.eu]\nurl = '{EU}'\naccepts_tenants = 'often'", "shards.eu.accepts_tenants in tenan"),
        (
            f"[shards.eu]\nurl = '{EU}'\ndatabase_url_template = 'postgresql://u:geheim@h/d'",
            "shards.eu.database_url_template in tenancy.toml: 'postgresql://u:***@h/d' gives every",
        ),
        (f"[shards]\neu = '{EU}'", "shards.eu in tenancy.toml is 'postgresql://u:***@eu.example.com"),
        ("shards = 3", "shards in tenancy.toml is '3'"),
        (f"[shards.'e u']\nurl = '{EU}'", "'e u' is no name for a shard; expected letters, digits"),
        (
            f"[shards.eu]\nurl = '{EU}'\n[shards.us]\n"
            "url = 'postgresql+asyncpg://v:geheim@eu.example.com:5432/shop?ssl=require'",
            "the shards eu and us are one database, eu.example.com:5432/shop; give each its own url",
        ),
        (
            "[shards.a]\nurl = 'sqlite:///a.db'\n[shards.b]\nurl = 'sqlite+aiosqlite:///a.db'",
            "the shards a and b are one database",
        ),
        (f"schema_pattern = 't_%'\n[shards.eu]\nurl = '{EU}'", "schema_pattern finds the tenants of one"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_whole_path(project: Path, text: str, told: str) -> None:
    (project / "tenancy.toml").write_text(text)
    assert told in refusal()


def test_what_is_wrong_in_the_environment_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANCY_SHARDS", '{"eu": {"url": "u:geheim@h"}}')
    assert "shards.eu.url in the environment variable TENANCY_SHARDS: '***@h'" in refusal()
    monkeypatch.setenv("TENANCY_SHARDS", "{'eu': 'geheim'}")
    assert "the environment variable TENANCY_SHARDS is not JSON; expected an object" in refusal()


def test_two_files_that_disagree_show_no_password(project: Path) -> None:
    (project / "tenancy.toml").write_text(f"[shards.eu]\nurl = '{EU}'\n")
    (project / "pyproject.toml").write_text(f"[tool.tenancy.shards.eu]\nurl = '{US}'\n")
    assert "in tenancy.toml but" in refusal()


def test_what_the_ini_file_names_is_no_home_beside_shards(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "alembic.ini").write_text(
        f"[alembic]\nscript_location = migrations\nsqlalchemy.url = {EU}\n"
    )
    assert complete(TenancyConfig()).database_url == EU
    monkeypatch.setenv("TENANCY_SHARDS", json.dumps({"us": {"url": US}}))
    assert complete(TenancyConfig()).database_url is None
    assert complete(TenancyConfig(database_url=EU)).database_url == EU
