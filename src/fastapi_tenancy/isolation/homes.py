"""The databases that tenants share or live beside: the common one, and those of the shards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.errors import PlacementError
from fastapi_tenancy.isolation.place import place
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.model.url import DatabaseUrl, address_of


@dataclass(frozen=True, slots=True)
class Home:
    """The database of a shard, or of the settings; ``template`` is for databases of tenants.

    ``url``, ``place`` and ``address`` are empty where nothing is configured at all.
    """

    shard: str | None
    url: DatabaseUrl
    place: str
    address: DatabaseUrl
    template: DatabaseUrl | None

    @property
    def setting(self) -> str:
        """What says where it is."""
        return "database_url" if self.shard is None else f"shards.{self.shard}.url"


class Homes:
    """The homes of a configuration."""

    def __init__(self, config: TenancyConfig) -> None:
        common = _home(None, config.database_url, config.database_url_template)
        self._shards: Mapping[str, Home] = {
            name: _home(name, shard.url, shard.database_url_template)
            for name, shard in config.shards.items()
        }
        self._common = common if common.url or common.template or not self._shards else None

    def __iter__(self) -> Iterator[Home]:
        """Every home that is configured; the one of tenants without a shard first."""
        if self._common is not None and self._common.url:
            yield self._common
        yield from self._shards.values()

    def of(self, tenant: Tenant) -> Home:
        """The home of a tenant.

        Raises:
            PlacementError: its shard is unknown, or it has none where every tenant needs one.
        """
        if tenant.shard is None:
            if self._common is None:
                raise PlacementError(
                    "it has no shard, and no database_url says where tenants without one live;"
                    f" expected one of {self._names}"
                )
            return self._common
        if tenant.shard not in self._shards:
            known = f"expected one of {self._names}" if self._shards else "there are none at all"
            raise PlacementError(
                f"its shard is {tenant.shard!r}, and the settings have no shards.{tenant.shard};"
                f" {known}"
            )
        return self._shards[tenant.shard]

    @property
    def _names(self) -> str:
        return ", ".join(self._shards)


def _home(shard: str | None, url: DatabaseUrl | None, template: DatabaseUrl | None) -> Home:
    if url is None:
        return Home(shard, DatabaseUrl(""), "", DatabaseUrl(""), template)
    return Home(shard, url, place(url), address_of(url), template)
