"""What a run is asked to do."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.plan import Command, Engine, ProofLevel
from fastapi_tenancy.model.timeout import LONGEST_S, milliseconds, usable


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The request of a run; times are in seconds, None means the server's own setting.

    Raises:
        ConfigurationError: a value that cannot be used.
    """

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

    def __post_init__(self) -> None:
        if not isinstance(self.revision, str):
            raise ConfigurationError(
                f"revision is {self.revision!r}; expected a text: an id, a label, head, heads, base"
                " or a step such as +1"
            )
        if type(self.concurrency) is not int:  # True is an int too
            raise ConfigurationError(
                f"concurrency is {self.concurrency!r}; expected a whole number, such as 10"
            )
        if self.concurrency < 1:
            raise ConfigurationError(
                f"concurrency is {self.concurrency}; at least 1 tenant must be worked on"
            )
        for name, value in self._timeouts:
            if value is not None and not usable(value):
                raise ConfigurationError(
                    f"{name} is {value:g} s; expected from 0 (none) to {LONGEST_S} s."
                    f" Change --{name.replace('_', '-')}, or {name}_s in the settings"
                )

    @property
    def settings(self) -> str:
        """The timeouts as ``SET LOCAL`` statements."""
        return "; ".join(
            f"SET LOCAL {name} = {milliseconds(value)}"
            for name, value in self._timeouts
            if value is not None
        )

    @property
    def _timeouts(self) -> tuple[tuple[str, float | None], ...]:
        return (
            ("lock_timeout", self.lock_timeout_s),
            ("statement_timeout", self.statement_timeout_s),
        )
