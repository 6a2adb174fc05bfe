"""New tenants go to the least full shard that accepts them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import PlacementError
from fastapi_tenancy.isolation.filling import place_on_shard
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.model.url import DatabaseUrl

ACME = Tenant(id="1", identifier="acme")
OWN = DatabaseUrl("postgresql://h/acme")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def config(given: dict[str, dict[str, Any]], **settings: Any) -> TenancyConfig:
    shards = {name: {"url": f"postgresql://{name}/shop", **said} for name, said in given.items()}
    return TenancyConfig(shards=shards, **settings)


@pytest.mark.parametrize(
    ("shards", "counts", "chosen"),
    [
        ({"a": {}, "b": {}}, {}, "a"),
        ({"a": {}, "b": {}}, {"a": 3, "b": 2}, "b"),
        ({"a": {}, "b": {}}, {"a": 1, None: 100, "gone": 0}, "b"),
        ({"a": {"accepts_tenants": False}, "b": {}}, {"b": 50}, "b"),
        ({"a": {"max_tenants": 2}, "b": {}}, {"a": 2, "b": 50}, "b"),
        ({"a": {"max_tenants": 2}, "b": {}}, {"a": 1, "b": 50}, "a"),
    ],
)
def test_the_least_full_one_is_chosen(
    shards: dict[str, dict[str, Any]], counts: dict[str | None, int], chosen: str
) -> None:
    assert place_on_shard(ACME, config(shards), counts).shard == chosen


def test_many_are_spread_evenly() -> None:
    counts: Counter[str | None] = Counter(a=7)
    for _ in range(200):
        counts[place_on_shard(ACME, config({"a": {}, "b": {}, "c": {}}), counts).shard] += 1
    assert counts == {"a": 69, "b": 69, "c": 69}


def test_where_nobody_accepts_it_each_says_why() -> None:
    shards = config({"a": {"accepts_tenants": False}, "b": {"max_tenants": 5}})
    told = (
        r"no shard accepts tenant 'acme': a accepts none \(accepts_tenants\);"
        r" b has 6 \(max_tenants is 5\)\. Add a shard"
    )
    with pytest.raises(PlacementError, match=told):
        place_on_shard(ACME, shards, {"b": 6})


def test_whoever_says_where_stays_there() -> None:
    full = config({"a": {"accepts_tenants": False}})
    said = Tenant(id="1", identifier="acme", shard="a")
    assert place_on_shard(said, full, {}) is said
    assert place_on_shard(ACME, TenancyConfig(), {}) is ACME
    own = Tenant(id="1", identifier="acme", database_url=OWN)
    databases = config({"a": {}}, isolation_strategy="database")
    assert place_on_shard(own, databases, {}) is own
    # Under a strategy that does not look at it, it is no place.
    assert place_on_shard(own, config({"a": {}}), {}).shard == "a"


def test_tenants_without_a_shard_count_where_they_live() -> None:
    here = config({"a": {}, "b": {}}, database_url="postgresql+asyncpg://u:p@a:5432/shop")
    assert place_on_shard(ACME, here, {None: 10, "b": 9}).shard == "b"
    assert place_on_shard(ACME, here, {None: 10, "b": 11}).shard == "a"
