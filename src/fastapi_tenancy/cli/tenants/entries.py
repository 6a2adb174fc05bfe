"""From the values of a file to those of a tenant; what is wrong with them is said in words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar

from fastapi_tenancy.cli.tenants.filed import TAG, Entry
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.tenant import NO_TAGS, IsolationStrategy, Tenant, TenantStatus
from fastapi_tenancy.model.url import DatabaseUrl, accepted, masked
from fastapi_tenancy.storage.names import check_host, check_name
from fastapi_tenancy.storage.rows import shared_tags

_Word = TypeVar("_Word", bound=StrEnum)

_OF_ONE = tuple(word for word in IsolationStrategy if word is not IsolationStrategy.HYBRID)


@dataclass(frozen=True, slots=True)
class Said:
    """What a file says of one tenant.

    ``fields`` are those of a ``Tenant``; ``tags`` take the place of all it has, ``more`` come
    on top.
    """

    place: str
    identifier: str
    fields: Mapping[str, Any]
    tags: Mapping[str, str] | None
    more: Mapping[str, str]

    def new(self, id_: str, created_at: datetime) -> Tenant:
        """A new tenant; what is not said takes its default.

        Args:
            id_: its id, if none is said.
            created_at: when it was created, if that is not said.
        """
        fields = {"id": id_, "created_at": created_at, **self.fields}
        return Tenant(identifier=self.identifier, tags=self._tags(NO_TAGS), **fields)

    def changed(self, tenant: Tenant) -> Tenant:
        """This tenant with what is said of it; times are the catalogue's own."""
        fields = {k: v for k, v in self.fields.items() if k not in ("created_at", "updated_at")}
        return replace(tenant, tags=self._tags(tenant.tags), **fields)

    def _tags(self, before: Mapping[str, str]) -> Mapping[str, str]:
        kept = before if self.tags is None else self.tags
        return MappingProxyType({**kept, **self.more}) if self.more else kept


def said_by(entry: Entry) -> Said:
    """What an entry says.

    Raises:
        ConfigurationError: a value that cannot be a tenant's.
    """
    values = {key: value for key, value in entry.values.items() if key != "tags"}
    texts = {key: _text(key, value) for key, value in values.items()}
    if "identifier" not in texts:
        raise ConfigurationError("there is no identifier; every tenant needs one")
    more = {k.removeprefix(TAG): v for k, v in texts.items() if k.startswith(TAG)}
    fields = {k: _field(k, v) for k, v in texts.items() if not k.startswith(TAG)}
    identifier = fields.pop("identifier")
    return Said(entry.place, identifier, fields, _tags(entry.values.get("tags")), more)


def _text(key: str, value: Any) -> str:
    if isinstance(value, bool | list | dict | float) and not key.startswith(TAG):
        raise ConfigurationError(f"{key} is {_shown(value)}; expected text")
    if isinstance(value, list | dict):
        raise ConfigurationError(f"{key} is {_shown(value)}; expected text, a number or true")
    text = value if isinstance(value, str) else json.dumps(value)
    for character in text:
        if character == "\0" or "\ud800" <= character <= "\udfff":
            raise ConfigurationError(
                f"{key} holds the character U+{ord(character):04X}, which no database keeps; leave"
                " it out"
            )
    return text


def _field(key: str, text: str) -> Any:
    if key in ("identifier", "id"):
        return check_name(text, key)
    if key == "host":
        return check_host(text.lower())
    if key == "status":
        return _word(TenantStatus, key, text)
    if key == "isolation_strategy":
        return own_strategy(text)
    if key == "database_url":
        return own_url(text)
    if key in ("created_at", "updated_at"):
        return _time(key, text)
    return text


def _word(words: Iterable[_Word], key: str, text: str) -> _Word:
    known = {word.value: word for word in words}
    if text.lower() not in known:
        raise ConfigurationError(f"{key} is {_shown(text)}; expected one of {', '.join(known)}")
    return known[text.lower()]


def own_strategy(text: str) -> IsolationStrategy:
    """How one tenant is kept apart; ``hybrid`` is for fleets.

    Raises:
        ConfigurationError: another word.
    """
    return _word(_OF_ONE, "isolation_strategy", text)


def own_url(text: str) -> DatabaseUrl:
    """The database of one tenant.

    Raises:
        ConfigurationError: not a database URL, or one whose password was hidden.
    """
    if "***" in text and masked(text) == text:
        raise ConfigurationError(
            f"database_url is {text!r}, whose password was hidden when it was printed; write the"
            " password itself, or leave the URL out"
        )
    return accepted(text)


def _time(key: str, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            f"{key} is {_shown(text)}; expected a time such as 2026-01-31T12:00:00+00:00"
        ) from None


def _tags(value: Any) -> Mapping[str, str] | None:
    if value is None:
        return None
    if isinstance(value, str) and not value.startswith("{"):
        return _pairs(_text("tags", value))
    text = value if isinstance(value, str) else json.dumps(value)
    try:
        tags = shared_tags(text)
    except ValueError:
        raise ConfigurationError(
            f"tags are {_shown(text)}; expected a JSON object of plain values such as"
            ' {"tier": "gold"}, or tier=gold;region=eu'
        ) from None
    for part in (*tags, *tags.values()):
        _text("tags", part)
    return tags


def _pairs(text: str) -> Mapping[str, str]:
    found = {}
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        key, equals, value = part.partition("=")
        if not key.strip() or not equals:
            raise ConfigurationError(
                f"tags are {_shown(text)}, and {_shown(part)} is not of the form KEY=VALUE"
            )
        found[key.strip()] = value.strip()
    return shared_tags(json.dumps(found))


def _shown(value: Any) -> str:
    text = masked(value if isinstance(value, str) else json.dumps(value))
    return repr(text if len(text) <= 60 else text[:60] + "...")
