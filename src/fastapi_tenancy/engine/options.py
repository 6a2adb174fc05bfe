"""What a run is asked to do."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi_tenancy.model.plan import Command, Engine, ProofLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The request of a run; times are in seconds, None means the server's own setting."""

    command: Command = Command.UPGRADE
    revision: str = "head"
    engine: Engine = Engine.AUTO
    proof: ProofLevel = ProofLevel.SAMPLE
    concurrency: int = 10
    create: bool = False
    lock_timeout_s: float | None = None
    statement_timeout_s: float | None = None
    connect_timeout_s: float = 10.0
    recycle_after: int = 500
    x_arguments: tuple[str, ...] = ()

    @property
    def settings(self) -> str:
        """The timeouts as ``SET LOCAL`` statements."""
        pairs = (
            ("lock_timeout", self.lock_timeout_s),
            ("statement_timeout", self.statement_timeout_s),
        )
        return "; ".join(
            f"SET LOCAL {name} = {round(value * 1000)}"
            for name, value in pairs
            if value is not None
        )
