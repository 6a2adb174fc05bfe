"""Writes every encrypted URL of a catalogue anew, with the first of the keys."""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlalchemy as sa

from fastapi_tenancy.model.url import SealedUrl
from fastapi_tenancy.storage.encryption import UrlCipher
from fastapi_tenancy.storage.table import TENANTS


@dataclass(frozen=True, slots=True)
class Reencrypted:
    """What became of the URLs.

    ``rewritten`` were plain, or encrypted with another key; ``current`` were encrypted with the
    first one already; ``sealed`` are the identifiers of tenants whose URL no key opens.
    """

    rewritten: int = 0
    current: int = 0
    sealed: tuple[str, ...] = field(default=())

    def __add__(self, more: Reencrypted) -> Reencrypted:
        return Reencrypted(
            self.rewritten + more.rewritten,
            self.current + more.current,
            self.sealed + more.sealed,
        )


def reencrypt_some(
    connection: sa.Connection, cipher: UrlCipher, after: str, most: int
) -> tuple[Reencrypted, str | None]:
    """Rewrite up to ``most`` URLs of tenants whose id comes after this one, in one transaction.

    Returns:
        What became of them, and the last id; None where there was none left.
    """
    columns = (TENANTS.c.id, TENANTS.c.identifier, TENANTS.c.database_url)
    chosen = sa.select(*columns).where(
        TENANTS.c.id > sa.literal(after, TENANTS.c.id.type), TENANTS.c.database_url.is_not(None)
    )
    rows = connection.execute(chosen.order_by(TENANTS.c.id).limit(most)).all()
    done = Reencrypted()
    for row in rows:
        done += _reencrypted(connection, cipher, *row)
    return done, rows[-1].id if rows else None


def _reencrypted(
    connection: sa.Connection, cipher: UrlCipher, id_: str, identifier: str, kept: str
) -> Reencrypted:
    if cipher.is_current(kept):
        return Reencrypted(current=1)
    url = cipher.opened(kept, identifier)
    if isinstance(url, SealedUrl):
        return Reencrypted(sealed=(identifier,))
    # Somebody who changes the URL at the same moment writes it with the first key anyway.
    same = sa.and_(TENANTS.c.id == id_, TENANTS.c.database_url == kept)
    connection.execute(sa.update(TENANTS).where(same).values(database_url=cipher.kept(url)))
    return Reencrypted(rewritten=1)
