"""Where tenants live that have a shard, under each strategy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import PlacementError
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.model.url import DatabaseUrl
from fastapi_tenancy.opening import open_isolation

SHARDS = {
    "eu": {"url": "postgresql+asyncpg://u:p@eu.example.com/shop"},
    "us": {
        "url": "postgresql://u:p@us.example.com:5433/shop",
        "database_url_template": "postgresql://u:p@{identifier}.us.example.com/shop",
    },
}
COMMON = "postgresql://u:p@example.com/shop"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def isolation(strategy: str, **given: Any) -> IsolationProvider:
    return open_isolation(TenancyConfig(isolation_strategy=strategy, **{"shards": SHARDS} | given))


def acme(shard: str | None = None, **fields: Any) -> Tenant:
    return Tenant(id="1", identifier="acme", shard=shard, **fields)


@pytest.mark.parametrize(
    ("strategy", "shard", "key", "address"),
    [
        ("schema", "eu", ("eu.example.com:5432/shop", "tenant_acme"), "u:p@eu.example.com/shop"),
        ("schema", None, ("example.com:5432/shop", "tenant_acme"), "u:p@example.com/shop"),
        ("rls", "us", ("us.example.com:5433/shop", ""), "u:p@us.example.com:5433/shop"),
        ("rls", None, ("example.com:5432/shop", ""), "u:p@example.com/shop"),
        ("database", "eu", ("eu.example.com:5432/tenant_acme", ""), "u:p@eu.example.com/tenant_acme"),
        ("database", "us", ("acme.us.example.com:5432/shop", ""), "u:p@acme.us.example.com/shop"),
        ("database", None, ("example.com:5432/tenant_acme", ""), "u:p@example.com/tenant_acme"),
        ("hybrid", "eu", ("eu.example.com:5432/shop", "tenant_acme"), "u:p@eu.example.com/shop"),
    ],
)  # fmt: skip
def test_a_tenant_lives_on_its_shard(
    strategy: str, shard: str | None, key: tuple[str, str], address: str
) -> None:
    target = isolation(strategy, database_url=COMMON).target(acme(shard))
    assert (target.key, target.address) == (key, f"postgresql://{address}")


def test_sqlite_files_lie_beside_that_of_the_shard(project: Path) -> None:
    made = isolation("database", shards={"eu": {"url": f"sqlite:///{project}/eu/main.db"}})
    assert made.target(acme("eu")).database == "eu/tenant_acme.db"
    with pytest.raises(PlacementError, match=r"is the one at shards\.eu\.url, which is everybody"):
        made.target(acme("eu", database_url=DatabaseUrl(f"sqlite:///{project}/eu/main.db")))


def test_a_database_of_its_own_is_where_it_says() -> None:
    url = DatabaseUrl("postgresql://u:p@own.example.com/acme")
    for shard in ("eu", "nowhere", None):
        target = isolation("database").target(acme(shard, database_url=url))
        assert target.database == "own.example.com:5432/acme"


@pytest.mark.parametrize("strategy", ["schema", "rls", "database", "hybrid"])
def test_a_shard_that_is_none_is_told_in_words(strategy: str) -> None:
    told = r"its shard is 'asia', and the settings have no shards\.asia; expected one of eu, us"
    with pytest.raises(PlacementError, match=told):
        isolation(strategy, database_url=COMMON).target(acme("asia"))
    with pytest.raises(PlacementError, match="there are none at all"):
        isolation(strategy, database_url=COMMON, shards={}).target(acme("asia"))


@pytest.mark.parametrize("strategy", ["schema", "rls", "database", "hybrid"])
def test_without_a_common_database_everybody_needs_a_shard(strategy: str) -> None:
    with pytest.raises(PlacementError, match=r"no shard, and no database_url .* one of eu, us"):
        isolation(strategy).target(acme())


def test_a_template_is_enough_for_those_without_a_shard() -> None:
    template = "postgresql://u:p@{identifier}.example.com/shop"
    made = isolation("database", database_url_template=template)
    assert made.target(acme()).database == "acme.example.com:5432/shop"
    assert made.target(acme("eu")).database == "eu.example.com:5432/tenant_acme"
