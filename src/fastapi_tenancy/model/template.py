"""A database URL with a place for the tenant in it."""

from __future__ import annotations

import re
from urllib.parse import quote

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.url import DatabaseUrl, accepted, masked

PLACES = ("identifier", "tenant_id", "database_name")
_PLACE = re.compile(r"\{(\w*)\}")


def filled(template: str, **values: str) -> DatabaseUrl:
    """The URL of one tenant; what is put in is percent-encoded, and so stays in its place.

    Raises:
        ConfigurationError: the template is none, or the result is not a database URL.
    """
    text = _PLACE.sub(lambda found: quote(values[found[1]], safe=""), template)
    return accepted(text)


def usable_template(template: str) -> DatabaseUrl:
    """Return ``template`` if every tenant gets a URL of its own from it.

    Raises:
        ConfigurationError: an unknown place, none at all, or not a database URL.
    """
    places = _PLACE.findall(template)
    known = ", ".join(f"{{{place}}}" for place in PLACES)
    for place in places:
        if place not in PLACES:
            raise ConfigurationError(
                f"{masked(template)!r} has a place for {place!r}; expected {known}"
            )
    if not places:
        raise ConfigurationError(
            f"{masked(template)!r} gives every tenant the same database; put one of {known} in it"
        )
    filled(template, **dict.fromkeys(PLACES, "example"))
    return DatabaseUrl(template)
