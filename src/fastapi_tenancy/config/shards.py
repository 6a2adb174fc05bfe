"""Settings: shards, where a fleet lives on several servers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import combinations

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from fastapi_tenancy.config.values import Count, Template, Url
from fastapi_tenancy.model.url import is_postgresql, place_of, sync_url

_NAME = re.compile(r"[\w-]+")


class ShardSettings(BaseModel):
    """One table ``shards.NAME`` of the settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: Url
    database_url_template: Template | None = None
    accepts_tenants: bool = True
    max_tenants: Count | None = None


class ShardsSettings(BaseModel):
    """The servers tenants live on, where there are several."""

    shards: Mapping[str, ShardSettings] = Field(
        default_factory=dict,
        description="Several servers in one fleet, a table each: `shards.NAME` with url and, where"
        " wanted, accepts_tenants, max_tenants, database_url_template ([shards](shards.md)).",
    )

    @model_validator(mode="after")
    def _each_its_own(self) -> ShardsSettings:
        for name in self.shards:
            if _NAME.fullmatch(name) is None:
                raise PydanticCustomError(
                    "shards",
                    "{name} is no name for a shard; expected letters, digits, _ and -",
                    {"name": repr(name)},
                )
        for one, other in combinations(self.shards, 2):
            place = _place(self.shards[one].url)
            if place == _place(self.shards[other].url):
                raise PydanticCustomError(
                    "shards",
                    "the shards {one} and {other} are one database, {place}; give each its own url,"
                    " or remove one of them",
                    {"one": one, "other": other, "place": place},
                )
        return self

    @model_validator(mode="after")
    def _in_a_list(self) -> ShardsSettings:
        if self.shards and getattr(self, "schema_pattern", None) is not None:
            raise PydanticCustomError(
                "shards",
                "schema_pattern finds the tenants of one database, and there are several (shards);"
                " keep a list of tenants, or read yours with tenants_query, and say the shard of"
                " each",
            )
        return self


def _place(url: str) -> str:
    """One spelling for one database, without user and password."""
    return place_of(url) if is_postgresql(url) else sync_url(url)
