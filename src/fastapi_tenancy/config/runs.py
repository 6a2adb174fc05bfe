"""Settings: the Alembic project, and how a run is carried out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field

from fastapi_tenancy.config.values import Count, Seconds, no_yes_or_no
from fastapi_tenancy.model.plan import Engine, ProofLevel


class RunSettings(BaseModel):
    """The scripts, and the pace, patience and proof of a run."""

    alembic_ini: Path = Field(
        default=Path("alembic.ini"), description="The Alembic project's ini file."
    )
    alembic_section: str = Field(
        default="alembic",
        min_length=1,
        description="The section of the ini file (alembic --name).",
    )
    concurrency: Count = Field(
        default=10,
        description="Tenants migrated at the same time on each server, one connection each.",
    )
    lock_timeout_s: Seconds | None = Field(
        default=None, description="Seconds a statement may wait for a lock; 0 waits for ever."
    )
    statement_timeout_s: Seconds | None = Field(
        default=None, description="Seconds a statement may run; 0 lets it run for ever."
    )
    connect_timeout_s: Annotated[float, BeforeValidator(no_yes_or_no)] = Field(
        default=10,
        gt=0,
        allow_inf_nan=False,
        description="Seconds a server may take to answer a new connection.",
    )
    engine: Engine = Field(
        default=Engine.AUTO, description="The roads a run may take: auto, replay, live or env."
    )
    proof: ProofLevel = Field(
        default=ProofLevel.SAMPLE,
        description="Whose structure is read back beside the revision: revision (nobody's),"
        " sample or all.",
    )
    recycle_after: Count = Field(
        default=500, description="Targets a connection serves before it is replaced."
    )
