"""Remembers, in the version table's comment, how far a revision got that left its transaction.

Structure made outside of a transaction cannot be rolled back. A re-run after an interruption
reads the marker and leaves out the statements that are done. While its lease runs, the
marker also keeps a second runner away; no transaction is held open for that, because an index
that is built concurrently waits for those, and a pooler has few connections to pin.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

from fastapi_tenancy.isolation.names import literal
from fastapi_tenancy.model.plan import Move

WORD = "tenancy: "


@dataclass(frozen=True, slots=True)
class Marker:
    """Statements of ``revision`` are committed at a target: ``sent``, counted by their digests.

    They are known by digest, not by number: a run that is replayed and one that is live send the
    same statements in other orders, and a revision may send fewer when it runs again.
    ``rows`` are the xmin of the version rows then: any later change of the position, by
    whatever tool, makes the marker void. ``comment`` is what stood there before. ``owner``
    is the runner at work and ``until`` the server's time, in seconds, its lease ends at.
    """

    revision: str
    upgrade: bool
    sent: Mapping[str, int]
    rows: str
    comment: str | None
    owner: str = ""
    until: float = 0.0

    def sql(self, table: str, lease_s: float) -> str:
        """The statement that writes the marker with a lease that ends ``lease_s`` from then.

        The server computes the end: at the end of a long transaction it has not passed yet.
        """
        fields = [self.revision, self.upgrade, dict(self.sent), self.rows, self.comment, self.owner]
        start = literal(WORD + json.dumps(fields)[:-1] + ", ")
        end = f"extract(epoch FROM clock_timestamp()) + {lease_s}"
        text = f"quote_literal({start} || ({end})::text || ']')"
        command = literal(f"COMMENT ON TABLE {table} IS ")
        return f"DO {literal(f'BEGIN EXECUTE {command} || {text}; END')}"

    def clear_sql(self, table: str) -> str:
        """The statement that puts back what stood there before."""
        return f"COMMENT ON TABLE {table} IS {literal(self.comment) if self.comment else 'NULL'}"


@dataclass(frozen=True, slots=True)
class Found:
    """What a version table says of itself, and the server's time in seconds."""

    marker: Marker | None
    comment: str | None
    rows: str
    now: float

    def busy(self, owner: str) -> bool:
        """True while another runner's lease runs on the position as it stands."""
        marker = self.marker
        return (
            marker is not None
            and marker.rows == self.rows
            and marker.owner != owner
            and marker.until > self.now
        )

    def begun(self, move: Move, owner: str) -> Marker:
        """The marker to go on from, ours now: what is done of this move is kept."""
        kept = self.marker is not None and self.resumes(move)
        sent = Counter(self.marker.sent) if self.marker is not None and kept else Counter()
        return Marker(move.revision, move.upgrade, sent, self.rows, self.comment, owner)

    @property
    def half_done(self) -> tuple[str, bool] | None:
        """The revision that an interrupted run left half done here, and whether it went up."""
        marker = self.marker
        if marker is None or marker.rows != self.rows or not marker.sent:
            return None
        return marker.revision, marker.upgrade

    def resumes(self, move: Move) -> bool:
        """True when an interrupted run was in the middle of this move, here, as it stands."""
        marker = self.marker
        return marker is not None and (
            (marker.revision, marker.upgrade, marker.rows)
            == (move.revision, move.upgrade, self.rows)
        )


def read_marker(connection: psycopg.Connection, table: str, head: Sequence[str] = ()) -> Found:
    """Read comment and row versions of a version table, after ``head`` in the same message."""
    look = (
        f"SELECT obj_description({literal(table)}::regclass, 'pg_class'),"
        f" array_to_string(array(SELECT xmin::text FROM {table} ORDER BY 1), ','),"
        " extract(epoch FROM clock_timestamp())::float8"
    )
    cursor = connection.execute(";\n".join([*head, look]).encode())
    while cursor.nextset():
        pass  # the look comes last
    comment, rows, now = cursor.fetchone() or (None, "", 0.0)
    marker = _parsed(comment)
    if marker is not None:
        comment = marker.comment
    return Found(marker, comment, rows or "", now)


def _parsed(comment: str | None) -> Marker | None:
    if not comment or not comment.startswith(WORD):
        return None
    try:
        return Marker(*json.loads(comment[len(WORD) :]))
    except (ValueError, TypeError):
        return None
