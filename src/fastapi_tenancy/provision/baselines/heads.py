"""The head of the tenants' history as the scripts say it now, read again when a file changes."""

from __future__ import annotations

import threading

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.migrations.tracks.behind import Look
from fastapi_tenancy.migrations.tracks.opening import Opened, open_tracks
from fastapi_tenancy.migrations.tracks.ordering import before
from fastapi_tenancy.migrations.tracks.waiting import Fallen
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import Tenant
from fastapi_tenancy.model.track import Scope
from fastapi_tenancy.provision.baselines.head import Head, read_head
from fastapi_tenancy.provision.baselines.signature import Signature, signature_of
from fastapi_tenancy.resolving.remembered import Remembered

STANDS_S = 30.0
"""Seconds in which tracks that stood are taken to stand: they only go forward."""
SEVERAL = "tenants have several histories"


class Heads:
    """Safe to use from several threads."""

    def __init__(self, isolation: IsolationProvider) -> None:
        self._isolation = isolation
        self._lock = threading.Lock()
        self._known: tuple[Signature, Head, tuple[Opened, ...]] | None = None
        self._stands: Remembered[str | None, bool] = Remembered(1000, STANDS_S)

    def head(self, target: Target) -> Head:
        """What a new tenant in this place has to come to.

        Raises:
            ConfigurationError: the scripts cannot be used, or what comes first does not stand.
        """
        with self._lock:
            if self._known is None or signature_of(self._known[1].history) != self._known[0]:
                self._known = self._read(target)
                self._stands.clear()
            _, head, waits_for = self._known
        if waits_for and not head.reason and self._stands.get(target.tenant.shard) is None:
            _require_standing(head, waits_for, target.tenant)
            self._stands.put(target.tenant.shard, True)
        return head

    def _read(self, target: Target) -> tuple[Signature, Head, tuple[Opened, ...]]:
        every = open_tracks(self._isolation.config, lambda _selection: [], self._isolation)
        own = [opened for opened in every if opened.track.scope is Scope.TENANT]
        head = read_head(own[0], target, SEVERAL if len(own) > 1 else "")
        names = {track.name for track in before(own[0].track, tuple(o.track for o in every))}
        waits_for = tuple(opened for opened in every if opened.track.name in names)
        return signature_of(head.history), head, waits_for


def _require_standing(head: Head, waits_for: tuple[Opened, ...], tenant: Tenant) -> None:
    fallen, track = Fallen(), head.opened.track
    Look(track, fallen).alone(waits_for)
    reason = fallen.reason(track, [opened.track.name for opened in waits_for], tenant)
    if reason is not None:
        raise ConfigurationError(reason)
