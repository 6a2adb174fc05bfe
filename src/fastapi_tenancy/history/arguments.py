"""What a migration is told about its target: x-arguments and config attributes."""

from __future__ import annotations

import copy
import re
from argparse import Namespace
from functools import lru_cache
from typing import Any

from alembic.config import Config

from fastapi_tenancy.history.identity import Identity
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import IsolationStrategy
from fastapi_tenancy.model.url import sync_url


@lru_cache(maxsize=1024)
def with_driver(address: str, configured: str) -> str:
    """A SQLAlchemy URL for ``address`` with the driver that ``configured`` names.

    That is psycopg where it names none of this kind of database.
    """
    plain = sync_url(address)
    driver, scheme = configured.partition("://")[0], plain.partition("://")[0]
    same = driver.partition("+")[0] == scheme.partition("+")[0] and "+" in driver
    return (driver if same else scheme) + "://" + plain.partition("://")[2]


def url_for(config: Config, target: Target) -> str:
    """The URL of a target's database, with the driver that the project uses."""
    return with_driver(target.address, config.get_alembic_option("sqlalchemy.url") or "")


def rehearsal_url(config: Config, target: Target) -> str:
    """As ``url_for``, but memory where connecting to a file would make one."""
    return re.sub(r"^(sqlite(?:\+\w+)?://).*", r"\1", url_for(config, target), flags=re.DOTALL)


def x_arguments(
    identity: Identity, config: Config, extra: tuple[str, ...], url: str | None = None
) -> list[str]:
    """The ``-x`` arguments of a target: ``tenant``, ``schema``, ``url``, then the user's own.

    A target that is a whole database has no ``schema``.
    """
    target = identity.target
    return [
        f"tenant={target.tenant.identifier}",
        *([f"schema={target.schema}"] if target.schema else ()),
        f"url={url or url_for(config, target)}",
        *extra,
    ]


class _Noted(dict[str, Any]):
    """Config attributes that tell when somebody looks at them."""

    def __init__(self, values: dict[str, Any], identity: Identity) -> None:
        super().__init__(values)
        self._identity = identity

    def __getitem__(self, key: str) -> Any:
        self._identity.note(f"config.attributes[{key!r}]")
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._identity.note(f"config.attributes[{key!r}]")
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self._identity.note(f"config.attributes[{key!r}]")
        return super().__contains__(key)


def config_for(
    config: Config, identity: Identity, extra: tuple[str, ...], url: str | None = None
) -> Config:
    """A view on ``config`` that carries the arguments of one target; the file is not read again.

    Args:
        url: given to env.py instead of the target's own.
    """
    target = identity.target
    view = _view(config, x_arguments(identity, config, extra, url))
    values = {
        "tenant": target.tenant.identifier,
        "tenant_id": target.tenant.id,
        "url": url or url_for(config, target),
    }
    if target.schema:
        values["schema"] = target.schema
    view.attributes = _Noted(values, identity)
    if target.strategy is not IsolationStrategy.DATABASE and target.tenant.shard is None:
        return view
    # A database of the tenant's own, or of its shard, is the one that the file would name, were it
    # the only one.
    return own_config(view, values["url"])


def config_for_all(config: Config, target: Target, extra: tuple[str, ...]) -> Config:
    """As ``config_for``, for an env.py that finds the tenants itself: none of them is named.

    Args:
        target: one of them; its database is the one that is named.
    """
    url = url_for(config, target)
    view = _view(config, [f"url={url}", *extra])
    view.attributes = {"url": url}
    return view


def own_config(view: Config, url: str) -> Config:
    """Let env.py change what the file says as it likes: nobody else sees it."""
    vars(view)["file_config"] = copy.deepcopy(view.file_config)
    view.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return view


def _view(config: Config, arguments: list[str]) -> Config:
    view = copy.copy(config)
    view.cmd_opts = Namespace(x=arguments)
    return view
