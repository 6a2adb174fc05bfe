"""Fits the tenants of a file into a catalogue: whom it adds and changes, who is in the way."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum

from fastapi_tenancy.cli.tenants.entries import Said, said_by
from fastapi_tenancy.cli.tenants.filed import Entry
from fastapi_tenancy.cli.tenants.spreading import Spread
from fastapi_tenancy.errors import ConfigurationError, PlacementError
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.model.target import TargetKey
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant
from fastapi_tenancy.provision.claims import agreed_target
from fastapi_tenancy.storage.names import check_tenant

SHOWN = 20
"""Problems that are told; a file that is wrong from end to end need not be read here."""


class Existing(Enum):
    """What becomes of tenants that are in the catalogue already."""

    REFUSED = "refused"
    SKIPPED = "skipped"
    UPDATED = "updated"


@dataclass(slots=True)
class Fitted:
    """What an import does, in the order of the file."""

    new: list[Tenant] = field(default_factory=list)
    changed: list[Tenant] = field(default_factory=list)
    skipped: list[Tenant] = field(default_factory=list)
    unchanged: list[Tenant] = field(default_factory=list)


class Problems:
    """What is wrong with a file, each with its place."""

    def __init__(self) -> None:
        self._found: list[str] = []

    @contextmanager
    def at(self, place: str) -> Iterator[None]:
        """Take note of an error about one place, and go on."""
        try:
            yield
        except ConfigurationError as error:
            self._found.append(f"{place}: {error}")

    def refuse(self, shown: str) -> None:
        """Refuse the file if anything was found.

        Raises:
            ConfigurationError: with what was found, line by line.
        """
        count = len(self._found)
        if count:
            head = "one problem" if count == 1 else f"{count:,} problems"
            more = [f"and {count - SHOWN:,} more"] if count > SHOWN else []
            lines = "\n  ".join([*self._found[:SHOWN], *more])
            raise ConfigurationError(f"{shown}: {head}; nothing was changed\n  {lines}")


def all_said(entries: Iterable[Entry], problems: Problems) -> list[Said]:
    """What the entries of a file say, those with a problem left out."""
    found: list[Said] = []
    seen: dict[str, str] = {}
    for entry in entries:
        with problems.at(entry.place):
            said = said_by(entry)
            first = seen.setdefault(said.identifier, said.place)
            if first != said.place:
                raise ConfigurationError(
                    f"the identifier {said.identifier!r} is that of {first} too; remove one of them"
                )
            found.append(said)
    return found


def fitted(
    said: Iterable[Said],
    there: Iterable[Tenant],
    existing: Existing,
    isolation: IsolationProvider,
    problems: Problems,
) -> Fitted:
    """What the file does to the tenants that are ``there``."""
    known = {tenant.identifier: tenant for tenant in there}
    result, places = Fitted(), {}
    now = datetime.now(UTC)
    for number, one in enumerate(said):
        places[one.identifier] = one.place
        with problems.at(one.place):
            tenant = known.get(one.identifier)
            if tenant is None:
                # A moment later each, so that the catalogue keeps the order of the file.
                moment = now + timedelta(microseconds=number)
                result.new.append(one.new(uuid.uuid4().hex, moment))
            else:
                _meet(one, tenant, existing, result)
    roster = _Roster(isolation)
    moved = {tenant.identifier for tenant in result.changed}
    staying = [tenant for tenant in known.values() if tenant.identifier not in moved]
    for tenant in staying:
        roster.know(tenant)
    for tenant in result.changed:
        with problems.at(places[tenant.identifier]):
            roster.take_in(check_tenant(tenant))
    shards = Spread((*staying, *result.changed), result.new, isolation.config)
    for number, tenant in enumerate(result.new):
        with problems.at(places[tenant.identifier]):
            result.new[number] = shards.placed(tenant)
            roster.take_in(check_tenant(result.new[number]))
    return result


def _meet(said: Said, tenant: Tenant, existing: Existing, result: Fitted) -> None:
    if existing is Existing.REFUSED:
        raise ConfigurationError(
            f"tenant {tenant.identifier!r} exists already ({tenant.status.value});"
            " --skip-existing leaves such tenants as they are, --update changes them"
        )
    if existing is Existing.SKIPPED:
        result.skipped.append(tenant)
        return
    if said.fields.get("id", tenant.id) != tenant.id:
        raise ConfigurationError(
            f"the id of tenant {tenant.identifier!r} is {tenant.id!r} in the catalogue and"
            f" {said.fields['id']!r} here; an import does not change ids"
        )
    wanted = said.changed(tenant)
    (result.unchanged if wanted == tenant else result.changed).append(wanted)


class _Roster:
    """Everybody as they will be: names mean one tenant, places belong to one."""

    def __init__(self, isolation: IsolationProvider) -> None:
        self._isolation = isolation
        self._ids: dict[str, Tenant] = {}
        self._identifiers: dict[str, Tenant] = {}
        self._hosts: dict[str, Tenant] = {}
        self._homes: dict[TargetKey, Tenant] = {}

    def know(self, tenant: Tenant) -> None:
        """Take in somebody who is there, whatever may be wrong with them."""
        self._ids.setdefault(tenant.id, tenant)
        self._identifiers.setdefault(tenant.identifier, tenant)
        if tenant.host is not None:
            self._hosts.setdefault(tenant.host, tenant)
        try:
            home = self._home(tenant)
        except PlacementError:
            return
        if home is not None:
            self._homes.setdefault(home, tenant)

    def take_in(self, tenant: Tenant) -> None:
        """Take in somebody of the file.

        Raises:
            ConfigurationError: a name or a place that is another tenant's.
        """
        for value, others, what in (
            (tenant.id, self._ids, f"the id {tenant.id!r} is that"),
            (tenant.host or "", self._hosts, f"the host {tenant.host!r} is that"),
            (tenant.id, self._identifiers, f"the id {tenant.id!r} is the identifier"),
            (tenant.identifier, self._ids, f"the identifier {tenant.identifier!r} is the id"),
        ):
            if value in others:
                raise ConfigurationError(f"{what} of {_named(others[value])}; choose another")
        target = agreed_target(tenant, self._isolation)
        home = self._home(tenant)
        if home in self._homes:
            place = "schema" if target.schema else "database"
            raise ConfigurationError(
                f"tenant {tenant.identifier!r} would live in the {place} {target.name!r}, which is"
                f" that of {_named(self._homes[home])}; give it one of its own with"
                f" {place + ('_name' if target.schema else '_url')}"
            )
        self.know(tenant)

    def _home(self, tenant: Tenant) -> TargetKey | None:
        """Where it lives, if it lives there alone."""
        target = self._isolation.target(tenant)
        return None if target.strategy is IsolationStrategy.RLS else target.key


def _named(tenant: Tenant) -> str:
    return f"tenant {tenant.identifier!r} ({tenant.status.value})"
