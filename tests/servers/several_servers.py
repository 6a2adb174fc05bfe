"""A project whose tenants live on several servers, its list of them in a file."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from cli_desk import Desk

SMALL = 14
"""Connections that the small server allows."""


@dataclass
class Fleet:
    """The desk, and the URL of each shard."""

    desk: Desk
    urls: dict[str, str]

    def __post_init__(self) -> None:
        environment = self.desk.shell.environment
        del environment["TENANCY_DATABASE_URL"]
        environment["TENANCY_CATALOGUE_URL"] = "sqlite:///list.db"
        environment["TENANCY_CONNECT_TIMEOUT_S"] = "20"
        self.settle()

    def settle(self, **more: str) -> None:
        """Say in the settings which shards there are, these ones too."""
        self.urls |= more
        shards = {name: {"url": str(url)} for name, url in self.urls.items()}
        self.desk.shell.environment["TENANCY_SHARDS"] = json.dumps(shards)

    def live(self, *, schemas: bool = True, **tenants: int) -> list[str]:
        """Have so many tenants live on each shard: ``eu0``, ``eu1``; their identifiers."""
        names = [f"{shard}{n}" for shard, count in tenants.items() for n in range(count)]
        rows = "".join(f"{name},{name.rstrip('0123456789')}\n" for name in names)
        (self.desk.folder / "tenants.csv").write_text(f"identifier,shard\n{rows}")
        done = self.desk.run("tenants", "import", "tenants.csv")
        assert done.code == 0, done
        if schemas:
            for shard in tenants.keys() & {"eu", "us"}:
                made = (f"CREATE SCHEMA tenant_{n};" for n in names if n.startswith(shard))
                self.on(shard).sql(" ".join(made))
        return names

    def follow(self, more: str = "") -> None:
        """Have env.py by itself go to the schema it is told of, as ``--engine env`` needs it.

        Args:
            more: lines at its beginning.
        """
        path = self.desk.folder / "migrations" / "env.py"
        path.write_text(
            more
            + path.read_text().replace(
                "    context.configure(connection=connection)",
                '    schema = context.get_x_argument(as_dictionary=True)["schema"]\n'
                "    connection.exec_driver_sql(f'SET search_path TO \"{schema}\"')\n"
                "    connection.commit()\n"
                "    context.configure(connection=connection)",
            )
        )

    def on(self, shard: str) -> Desk:
        """The desk at the database of a shard."""
        return replace(self.desk, url=self.urls[shard])

    def stands(self, *shards: str) -> dict[str, str | None]:
        """The revision of each tenant on these shards, read without the command."""
        found: dict[str, str | None] = {}
        for shard in shards or self.urls:
            found |= self.on(shard).stands()
        return found


def results(document: Any) -> dict[str, dict[str, Any]]:
    """The result of each tenant, in a document of ``--json``."""
    return {result["identifier"]: result for result in document["results"]}
