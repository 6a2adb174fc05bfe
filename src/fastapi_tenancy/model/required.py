"""Which revisions an application can serve, as somebody wrote it down."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT = "heads"
"""The newest revision of the scripts: what a track is asked for where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class RevisionRange:
    """From the oldest revision to the newest; None at an end means that it is open."""

    oldest: str | None = DEFAULT
    newest: str | None = DEFAULT

    def __str__(self) -> str:
        if self.oldest == self.newest and self.oldest is not None:
            return self.oldest
        return f"{self.oldest or ''}..{self.newest or ''}"


@dataclass(frozen=True, slots=True)
class Required:
    """A range for every track, or for some of them by name."""

    everywhere: RevisionRange | None = None
    by_track: tuple[tuple[str, RevisionRange], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Required:
        """Read ``3f2a``, ``3f2a..9c1d``, ``3f2a..`` or ``..9c1d``; ``NAME=3f2a.., ...`` by track.

        Raises:
            ValueError: it is none of these; the text says what is wrong.
        """
        everywhere: RevisionRange | None = None
        by_track: dict[str, RevisionRange] = {}
        for part in text.split(","):
            name, named, written = (piece.strip() for piece in part.rpartition("="))
            if name in by_track or (not named and everywhere is not None):
                whose = f"the track {name}" if named else "all tracks"
                raise ValueError(f"two ranges are given for {whose}; leave one of them")
            if named and not name:
                raise ValueError(f"no track is named before the = of {part.strip()!r}")
            if named:
                by_track[name] = _range(written)
            else:
                everywhere = _range(written)
        return cls(everywhere, tuple(by_track.items()))

    def of(self, track: str) -> RevisionRange:
        """The range of a track."""
        return dict(self.by_track).get(track) or self.everywhere or RevisionRange()


def _range(text: str) -> RevisionRange:
    oldest, dots, newest = (piece.strip() for piece in text.partition(".."))
    if ".." in newest or newest.startswith("."):
        raise ValueError(f"{text!r} has more than one ..; expected OLDEST..NEWEST")
    if not oldest and not newest:
        raise ValueError("no revision is named; expected one, such as head, or a range, as 3f2a..")
    if " " in oldest + newest:
        raise ValueError(f"{text!r} holds a space; expected a revision, or OLDEST..NEWEST")
    if not dots:
        return RevisionRange(oldest, oldest)
    return RevisionRange(oldest or None, newest or None)
