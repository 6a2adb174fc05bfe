"""A baseline: what the migrations make at their head, as one piece that can be made again."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Baseline:
    """The structure and the rows of a target that the migrations built, and nobody lives in.

    ``key`` stands for everything it was made from: the statements of all revisions, where they
    were run and by which server. ``payload`` is a script in UTF-8, or the content of an SQLite
    file; ``fingerprint`` and ``heads`` are what a target made of it has to come to.
    """

    key: str
    track: str
    heads: tuple[str, ...]
    fingerprint: str
    payload: bytes = field(repr=False)
