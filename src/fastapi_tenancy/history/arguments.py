"""What a migration is told about its target: x-arguments and config attributes."""

from __future__ import annotations

import copy
from argparse import Namespace
from typing import Any

from alembic.config import Config

from fastapi_tenancy.history.identity import Identity


def x_arguments(identity: Identity, url: str, extra: tuple[str, ...]) -> list[str]:
    """The ``-x`` arguments of a target: ``tenant``, ``schema``, ``url``, then the user's own."""
    target = identity.target
    return [
        f"tenant={target.tenant.identifier}",
        f"schema={target.schema}",
        f"url={url}",
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


def config_for(config: Config, identity: Identity, url: str, extra: tuple[str, ...]) -> Config:
    """A view on ``config`` that carries the arguments of one target; the file is not read again."""
    view = copy.copy(config)
    view.cmd_opts = Namespace(x=x_arguments(identity, url, extra))
    target = identity.target
    view.attributes = _Noted(
        {
            "tenant": target.tenant.identifier,
            "tenant_id": target.tenant.id,
            "schema": target.schema,
            "url": url,
        },
        identity,
    )
    return view
