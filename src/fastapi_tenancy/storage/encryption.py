"""Encrypts the database URLs of tenants where a catalogue keeps them, with keys that can change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.url import DatabaseUrl, SealedUrl

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

_MARK = "fernet:"
"""What an encrypted URL begins with in the catalogue; no database URL does."""


class UrlCipher:
    """Turns a tenant's URL into what the catalogue keeps, and back.

    Args:
        keys: Fernet keys; the first one encrypts, each of them decrypts. Without any, URLs are
            kept as they are.

    Raises:
        ConfigurationError: a key that is none, or the package ``cryptography`` is not installed.
    """

    def __init__(self, keys: Sequence[str] = ()) -> None:
        self._keys = [_fernet(key) for key in keys]

    def kept(self, url: DatabaseUrl | None) -> str | None:
        """What the catalogue keeps of a URL; one that could not be opened stays as it is."""
        if url is None or not self._keys or isinstance(url, SealedUrl):
            return None if url is None else str(url)
        return _MARK + self._keys[0].encrypt(url.encode()).decode("ascii")

    def opened(self, kept: str, identifier: str) -> DatabaseUrl:
        """The URL in what the catalogue keeps of a tenant; a plain one is taken as it is.

        Where no key fits, a ``SealedUrl``, which says so when somebody wants to use it: whoever
        only lists or suspends the tenant needs no key.
        """
        if not is_encrypted(kept):
            return DatabaseUrl(kept)
        for key in self._keys:
            found = _decrypted(key, kept)
            if found is not None:
                return DatabaseUrl(found)
        return SealedUrl(kept, _problem(identifier, len(self._keys)))

    def is_current(self, kept: str) -> bool:
        """Whether it is encrypted with the first key."""
        return is_encrypted(kept) and _decrypted(self._keys[0], kept) is not None


PLAIN = UrlCipher()
"""For catalogues without keys."""


def is_encrypted(kept: str) -> bool:
    """Whether what a catalogue keeps is not the URL itself."""
    return kept.startswith(_MARK)


def _decrypted(key: Fernet, kept: str) -> str | None:
    from cryptography.fernet import InvalidToken

    try:
        return key.decrypt(kept.removeprefix(_MARK)).decode()
    except (InvalidToken, ValueError):  # of another key, damaged, or not even ASCII
        return None


def _fernet(key: str) -> Fernet:
    try:
        from cryptography.fernet import Fernet
    except ImportError:
        raise ConfigurationError(
            "encryption_keys are set, and the package cryptography, which encrypts, is not"
            " installed: pip install 'fastapi-tenancy[encryption]'"
        ) from None
    try:
        return Fernet(key)
    except ValueError:
        raise ConfigurationError(
            "one of the encryption keys is not a Fernet key (it is not shown here);"
            " Fernet.generate_key() makes one"
        ) from None


def _problem(identifier: str, keys: int) -> str:
    whose = f"the database_url of tenant {identifier!r} is encrypted, and"
    if not keys:
        return f"{whose} encryption_keys is not set (TENANCY_ENCRYPTION_KEYS, tenancy.toml)"
    return (
        f"{whose} none of the encryption_keys ({keys}) fits: it was stored with another one, or is"
        " damaged. Add that key behind the first, or give the tenant its database_url anew"
    )
