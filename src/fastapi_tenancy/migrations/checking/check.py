"""One check of one history: its models, its policies, and who asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.history.aimed import upgrade_ops
from fastapi_tenancy.isolation.operations import as_text
from fastapi_tenancy.migrations.checking.finding import Finding, Subject
from fastapi_tenancy.migrations.checking.live import look_live
from fastapi_tenancy.migrations.checking.policies import Shared
from fastapi_tenancy.migrations.comparing.differences import Difference, differences
from fastapi_tenancy.migrations.comparing.whom import Request, Whom, whom
from fastapi_tenancy.migrations.rls.marking import marking_of
from fastapi_tenancy.model.event import Listener, silent

_WRITE = "`tenancy revision --autogenerate -m ...` writes it"


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found; ``shared_tables`` counts the tables whose rows have to be kept apart."""

    findings: tuple[Finding, ...]
    shared_tables: int

    @property
    def fine(self) -> bool:
        """True where nothing has to be done."""
        return all(finding.note for finding in self.findings)


def check(request: Request, *, listener: Listener = silent, stop: Stop | None = None) -> Checked:
    """Compare models and migrations, and look at policies there and in the shared database.

    Raises:
        ScratchError: no reference could be made.
        MigrationFailedError: the migrations fail in an empty place.
        WasInterruptedError: ``stop`` was asked for.
        ConfigurationError: as for any run; nothing was changed.
        ScriptError: env.py failed.
    """
    where = f"tenant {request.tenant}" if request.tenant is not None else "migrations"
    marking = marking_of(request.fleet.config)
    with whom(request, listener=listener, stop=stop) as found:
        made = upgrade_ops(request.history, found.target, found.aiming.aim(), request.extra)
        shared = Shared.of(marking, found.aiming.metadata)
        meant, policies = _policies(shared, found, where)
    models = _models((d for ops in made for d in differences(ops)), policies, where)
    live = look_live(request.fleet.config, shared)
    return Checked((*models, *policies, *live), meant)


def _policies(shared: Shared, found: Whom, where: str) -> tuple[int, list[Finding]]:
    connection = found.aiming.connection
    if connection.dialect.name != "postgresql":
        return 0, []
    rows = connection.execute(as_text(shared.query())).all()
    return shared.judged(rows, where, own=found.target.schema)


def _models(models: Iterable[Difference], policies: list[Finding], where: str) -> Iterator[Finding]:
    """The differences, but for those that the policies tell better."""
    known = {(f.kind, f.schema, f.table) for f in policies}
    for difference in models:
        if (difference.kind, difference.schema, difference.table) not in known:
            yield Finding(
                subject=Subject.MODELS,
                where=where,
                table=difference.table,
                schema=difference.schema,
                kind=difference.kind,
                found=difference.found,
                do=_WRITE,
            )
