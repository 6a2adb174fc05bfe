"""From a row of any catalogue to a tenant, with what is wrong with the row said in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeVar

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.tenant import NO_TAGS, IsolationStrategy, Tenant, TenantStatus
from fastapi_tenancy.storage.encryption import PLAIN, UrlCipher
from fastapi_tenancy.storage.names import check_name

_Word = TypeVar("_Word", bound=StrEnum)


def tenant_from(row: Mapping[str, Any], cipher: UrlCipher = PLAIN) -> Tenant:
    """Return the tenant in ``row``; what a row leaves out or has NULL in takes its default.

    Args:
        cipher: opens an encrypted ``database_url``.

    Raises:
        ConfigurationError: a value that cannot be a tenant's; names the tenant and the value.
    """
    identifier = check_name(str(row["identifier"]), "identifier")
    key, url = row.get("id"), row.get("database_url")
    return Tenant(
        id=identifier if key is None else check_name(str(key), "id"),
        identifier=identifier,
        name=row.get("name") or "",
        status=_word(TenantStatus, row.get("status"), identifier) or TenantStatus.ACTIVE,
        tags=_tags_of(row.get("tags"), identifier),
        schema_name=row.get("schema_name") or None,
        database_url=cipher.opened(url, identifier) if url else None,
        isolation_strategy=_word(IsolationStrategy, row.get("isolation_strategy"), identifier),
        host=row.get("host") or None,
        shard=row.get("shard") or None,
        created_at=row.get("created_at"),
        updated_at=row.get("updated_at"),
    )


@lru_cache(maxsize=4096)
def shared_tags(text: str) -> Mapping[str, str]:
    """Return the tags in a JSON object; equal texts share one mapping, so a fleet stays small.

    Numbers and truth values become their JSON text, a null is no tag.

    Raises:
        ValueError: not a JSON object of plain values.
    """
    found = json.loads(text)
    if found is None or found == {}:
        return NO_TAGS
    if not isinstance(found, dict):
        raise ValueError("not an object")  # noqa: TRY004 - one error for every unusable text
    if any(isinstance(value, dict | list) for value in found.values()):
        raise ValueError("nested")
    return MappingProxyType(
        {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in found.items()
            if value is not None
        }
    )


def _tags_of(text: str | None, identifier: str) -> Mapping[str, str]:
    if not text:
        return NO_TAGS
    try:
        return shared_tags(text)
    except ValueError:
        raise ConfigurationError(
            f"the tags of tenant {identifier!r} are {text!r}; expected a JSON object of plain"
            ' values such as {"tier": "gold"}'
        ) from None


def _word(words: type[_Word], value: str | None, identifier: str) -> _Word | None:
    if value is None:
        return None
    try:
        return words(value.lower())
    except ValueError:
        field = "status" if issubclass(words, TenantStatus) else "isolation strategy"
        raise ConfigurationError(
            f"the {field} of tenant {identifier!r} is {value!r}; expected one of"
            f" {', '.join(words)}. In a tenants_query, CASE can translate it"
        ) from None
