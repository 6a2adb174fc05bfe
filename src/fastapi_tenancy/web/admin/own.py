"""What is asked of one tenant: its own histories move, and those that others share do not."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi_tenancy.engine.brief import Prepared, failed
from fastapi_tenancy.engine.stop import Stop
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.migrations.tracks.holding import targets_of
from fastapi_tenancy.migrations.tracks.opening import Opened
from fastapi_tenancy.migrations.tracks.running import Asked, Ended, TracksRun, means_one_track
from fastapi_tenancy.model.event import Listener, silent
from fastapi_tenancy.model.outcome import Outcome, OutcomeKind, Report
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.target import Position
from fastapi_tenancy.model.track import Scope


class OwnHistories:
    """A request to the histories that tenants have of their own, one after the other.

    A history that waits for one that tenants share is refused while that one is behind, as
    ``TenantMigrationManager.upgrade_tenant`` refuses it.

    Args:
        every: all tracks of the project, in their order.
        track: the name of the one that is meant, or None for all that are the tenant's own.

    Raises:
        ConfigurationError: the request cannot be carried out for anybody.
    """

    def __init__(
        self,
        every: tuple[Opened, ...],
        command: Command,
        revision: str,
        track: str | None,
        **given: object,
    ) -> None:
        names = _own(every, track)
        if len(names) > 1 and means_one_track(command, revision):
            raise ConfigurationError(
                f"{command.value} {revision} has to say which history is meant: track, one of"
                f" {', '.join(names)}. Nothing was changed"
            )
        self._requests = tuple(
            TracksRun(every, command, revision, only=name, **given) for name in names
        )
        self.asked = tuple(asked for request in self._requests for asked in request.asked)

    def prepare(self, selection: Selection) -> list[tuple[Asked, Prepared]]:
        """Plan each history and change nothing.

        Raises:
            ConfigurationError: the request cannot be carried out for anybody.
        """
        return [found for request in self._requests for found in request.prepare(selection)]

    def run(
        self, selection: Selection, *, listener: Listener = silent, stop: Stop | None = None
    ) -> list[Ended]:
        """Carry it out; a history that fails keeps those after it from beginning.

        Raises:
            ConfigurationError: the request cannot be carried out for anybody; nothing changed.
        """
        for later in self._requests[1:]:
            later.check()
        ended: list[Ended] = []
        for request, asked in zip(self._requests, self.asked, strict=True):
            fallen = [one.track.name for one in ended if not _stands(one)]
            if fallen:
                told = (
                    f"not started: the history {fallen[0]!r}, which comes before, is not there yet"
                )
                ended.append(_left(asked, selection, told))
                continue
            try:
                ended += request.run(selection, listener=listener, stop=stop)
            except ConfigurationError as error:
                if not any(map(_moved, ended)):
                    raise
                ended.append(_refused(asked, selection, str(error)))
        return ended


def _own(every: Iterable[Opened], track: str | None) -> list[str]:
    """The names of the histories that are meant.

    Raises:
        ConfigurationError: the one that is named is not the tenants' own, or none is.
    """
    meant = [opened.track for opened in every if track in (None, opened.track.name)]
    own = [one.name for one in meant if one.scope is Scope.TENANT]
    if own:
        return own
    if track is None:
        raise ConfigurationError("no track of this project is of the scope 'tenant'")
    scope = meant[0].scope.value
    raise ConfigurationError(
        f"the track {track!r} is not a tenant's own (its scope is {scope!r}), and what moves it"
        " moves what others use too: upgrade the fleet with this track, or use"
        f" `tenancy upgrade --track {track}` and `tenancy downgrade --track {track}`. Nothing was"
        " changed"
    )


def _stands(ended: Ended) -> bool:
    return all(outcome.success for outcome in ended.report.outcomes)


def _moved(ended: Ended) -> bool:
    return any(outcome.kind is OutcomeKind.MIGRATED for outcome in ended.report.outcomes)


def _left(asked: Asked, selection: Selection, told: str) -> Ended:
    targets = targets_of(asked.fleet, asked.fleet.tenants(selection))
    return _ended(asked, (Outcome(t, OutcomeKind.SKIPPED, error=told) for t in targets))


def _refused(asked: Asked, selection: Selection, error: str) -> Ended:
    """The history before has been changed: what this one could not do is told with it."""
    targets = targets_of(asked.fleet, asked.fleet.tenants(selection))
    return _ended(asked, (failed(t, Position(), error) for t in targets))


def _ended(asked: Asked, outcomes: Iterable[Outcome]) -> Ended:
    options = asked.options
    report = Report("", options.command, options.revision, tuple(outcomes), (), 0.0)
    return Ended(asked.track, report)


Moves = TracksRun | OwnHistories
"""A request to the fleet, or to one tenant."""
