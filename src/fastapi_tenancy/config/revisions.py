"""Settings: which revisions the application can serve, and who brings tenants there."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from fastapi_tenancy.config.values import Seconds, no_yes_or_no
from fastapi_tenancy.model.required import Required


class WhenBehind(StrEnum):
    """What becomes of a request whose tenant is not yet where the application needs it."""

    SERVE = "serve"
    REFUSE = "refuse"
    MIGRATE = "migrate"


class AtStart(StrEnum):
    """What an application migrates when it starts."""

    NO = "no"
    SHARED = "shared"
    ALL = "all"


_READY_SHARE = 0.9


def _required(text: str) -> str:
    try:
        Required.parse(text)
    except ValueError as error:
        raise PydanticCustomError("revision", "{problem}", {"problem": str(error)}) from None
    return text


def _no_is_no(value: object) -> object:
    return AtStart.NO if value is False else value  # what a TOML file may call it


class RevisionSettings(BaseModel):
    """The revisions that are served, what is done about others, and how it is told."""

    required_revision: Annotated[str, AfterValidator(_required)] | None = Field(
        default=None,
        description="The revisions the application serves: one (`3f2a`), or from the oldest to the"
        " newest (`3f2a..head`; `3f2a..` serves newer ones too); by default the newest of its"
        " scripts. `NAME=3f2a..` is for one track of several.",
    )
    when_behind: WhenBehind = Field(
        default=WhenBehind.SERVE,
        description="What a tenant below them gets: serve, refuse (503 with Retry-After) or migrate"
        " (by its first request).",
    )
    revision_ttl_s: Seconds = Field(
        default=60,
        description="Seconds the application remembers that a tenant is where it should be; 0 looks"
        " at every request.",
    )
    migrate_wait_s: Seconds = Field(
        default=10,
        description="Seconds a request waits for the migration of its tenant before it gets a 503.",
    )
    migrate_at_start: Annotated[AtStart, BeforeValidator(_no_is_no)] = Field(
        default=AtStart.NO,
        description="What is migrated when the application starts: no, shared (tracks that"
        " neither are the tenants' nor wait for theirs) or all.",
    )
    ready_share: Annotated[float, BeforeValidator(no_yes_or_no)] | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Of the readiness endpoint: the least share of tenants that have to be where"
        " they should; by default 0.9, and 0 where requests migrate them.",
    )
    ready_ttl_s: Seconds = Field(
        default=15,
        description="Of the readiness endpoint: seconds it remembers where the tenants are.",
    )

    @property
    def least_ready(self) -> float:
        """``ready_share``, or what it is by default."""
        if self.ready_share is not None:
            return self.ready_share
        return 0 if self.when_behind is WhenBehind.MIGRATE else _READY_SHARE

    @property
    def watches_revisions(self) -> bool:
        """Whether a request depends on where its tenant is."""
        return self.when_behind is not WhenBehind.SERVE or self.required_revision is not None
