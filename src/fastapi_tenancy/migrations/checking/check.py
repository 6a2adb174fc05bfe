"""One check of one history: its models, its policies, and who asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.history.aimed import INSTEAD, SeveralDatabasesError, upgrade_ops
from fastapi_tenancy.isolation.operations import as_text
from fastapi_tenancy.migrations.checking.computed import computed_columns
from fastapi_tenancy.migrations.checking.enums import compared_enums
from fastapi_tenancy.migrations.checking.finding import Finding, Subject
from fastapi_tenancy.migrations.checking.live import look_live
from fastapi_tenancy.migrations.checking.policies import Shared
from fastapi_tenancy.migrations.comparing.differences import Difference, differences
from fastapi_tenancy.migrations.comparing.whom import Request, Whom, whom
from fastapi_tenancy.migrations.rls.marking import marking_of
from fastapi_tenancy.model.event import Listener, silent
from fastapi_tenancy.model.track import Track

_WRITE = "`tenancy revision --autogenerate -m ...` writes it"


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found; ``shared_tables`` counts the tables whose rows have to be kept apart.

    ``compared`` is False where there is nothing to compare: no models, or no end of its own.
    """

    findings: tuple[Finding, ...]
    shared_tables: int = 0
    compared: bool = True

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
        with computed_columns(where) as computed:
            made = _compared(request, found, where)
        enums = list(compared_enums(found.aiming, where))
        shared = Shared.of(marking, found.aiming.metadata)
        meant, policies = _policies(shared, found, where)
    found_ops = () if isinstance(made, Finding) else made
    models = _models((d for ops in found_ops for d in differences(ops)), policies, where)
    # Tables that tenants share are those of the tenants' own history.
    live = look_live(request.fleet.config, shared) if request.like is None else ()
    nothing = (made,) if isinstance(made, Finding) else ()
    return Checked((*nothing, *models, *computed, *enums, *policies, *live), meant, not nothing)


def left_out(track: Track, other: Track) -> Checked:
    """What is said of a track whose history ends before its scripts do, as another's does not."""
    found = (
        f"it is brought to {track.revision} and no further; its scripts are those of the track"
        f" {other.name}, and compared to their end there"
    )
    note = Finding(subject=Subject.MODELS, where="migrations", found=found, do="", note=True)
    return Checked((note,), compared=False)


def _compared(request: Request, found: Whom, where: str) -> list[Any] | Finding:
    """What a revision would have to do, or why one of several tracks cannot be compared."""
    try:
        return upgrade_ops(request.history, found.target, found.aiming.aim(), request.extra)
    except SeveralDatabasesError:
        if request.track:
            return _of_several(where)
        raise
    except ConfigurationError:
        if request.track and found.aiming.asked and not found.aiming.metadata:
            return _without_models(where)
        raise


def _of_several(where: str) -> Finding:
    return Finding(
        subject=Subject.MODELS,
        where=where,
        found="env.py writes several databases into one revision, each of which has models of its"
        " own: they were not compared",
        do=INSTEAD,
    )


def _without_models(where: str) -> Finding:
    return Finding(
        subject=Subject.MODELS,
        where=where,
        found="env.py gives no models (target_metadata): there is nothing to compare with",
        do="",
        note=True,
    )


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
