"""Settings: tracks, where a project has several Alembic histories."""

from __future__ import annotations

import re
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from fastapi_tenancy.config.values import Names, Url
from fastapi_tenancy.model.track import Scope

_NAME = re.compile(r"[\w-]+")


class TrackSettings(BaseModel):
    """One table ``tracks.NAME`` of the settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    scope: Scope
    alembic_ini: Path | None = None
    alembic_section: str | None = Field(default=None, min_length=1)
    revision: str | None = Field(default=None, min_length=1)
    after: Names = ()
    schema_name: str | None = Field(default=None, min_length=1)
    url: Url | None = None

    @model_validator(mode="after")
    def _only_where_it_means_something(self) -> TrackSettings:
        for name, scopes in (("schema_name", (Scope.SHARED,)), ("url", (Scope.DATABASE,))):
            if getattr(self, name) is not None and self.scope not in scopes:
                raise PydanticCustomError(
                    "track",
                    "{name} is for a track of the scope {wanted}, and the scope is {scope}; take"
                    " one of the two away",
                    {"name": name, "wanted": " or ".join(scopes), "scope": self.scope.value},
                )
        return self


class TracksSettings(BaseModel):
    """Which histories there are, and in which order they go."""

    tracks: Mapping[str, TrackSettings] = Field(
        default_factory=dict,
        description="Several Alembic histories in one project, a table each: `tracks.NAME` with"
        " scope (tenant, shared, shard, database) and, where wanted, alembic_ini,"
        " alembic_section, after, revision, schema_name, url ([tracks](tracks.md)).",
    )

    @model_validator(mode="after")
    def _in_an_order(self) -> TracksSettings:
        names = ", ".join(self.tracks)
        for name, track in self.tracks.items():
            if _NAME.fullmatch(name) is None:
                raise PydanticCustomError(
                    "tracks",
                    "{name} is no name for a track; expected letters, digits, _ and -",
                    {"name": repr(name)},
                )
            for other in track.after:
                if other not in self.tracks:
                    raise PydanticCustomError(
                        "tracks",
                        "tracks.{name}.after names {other}, and there is no such track; the tracks"
                        " are {names}",
                        {"name": name, "other": repr(other), "names": names},
                    )
        try:
            TopologicalSorter({n: t.after for n, t in self.tracks.items()}).prepare()
        except CycleError as error:
            raise PydanticCustomError(
                "tracks",
                "the tracks {circle} wait for each other in a circle (after); one of them has to"
                " begin",
                {"circle": ", ".join(error.args[1][1:])},
            ) from None
        return self
