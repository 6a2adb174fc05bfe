"""The difference between two structures, in words that a person can act on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fastapi_tenancy.drift.values import Change, How
from fastapi_tenancy.observe.structure import Structure

_KINDS = {
    "rel": "relation",
    "col": "column",
    "idx": "index",
    "con": "constraint",
    "seq": "sequence",
    "typ": "type",
    "fun": "function",
    "trg": "trigger",
    "pol": "policy",
    "ext": "extension",
    "fk": "foreign key",
}
_RELATIONS = {
    "r": "table",
    "p": "partitioned table",
    "v": "view",
    "m": "materialised view",
    "f": "foreign table",
    "S": "sequence",
    "c": "composite type",
}
_INVALID = (
    "the index is INVALID: a CREATE INDEX CONCURRENTLY did not finish, and no query uses it; drop"
    " it and build it again"
)
_NOT_VALID = (
    "the constraint is NOT VALID: rows from before it may break it; ALTER TABLE ... VALIDATE"
    " CONSTRAINT looks at them"
)


def changes_between(expected: Structure, found: Structure) -> tuple[Change, ...]:
    """What ``found`` has otherwise than ``expected``: added, missing, then changed objects."""
    return tuple(_told(expected, found))


def _told(expected: Structure, found: Structure) -> Iterator[Change]:
    changed = sorted(k for k in expected.keys() & found.keys() if expected[k] != found[k])
    for how, keys in (
        (How.ADDED, sorted(found.keys() - expected.keys())),
        (How.MISSING, sorted(expected.keys() - found.keys())),
        (How.CHANGED, changed),
    ):
        for kind, name in keys:
            before, after = expected.get((kind, name)), found.get((kind, name))
            yield Change(
                how=how,
                kind=_kind(kind, after or before or ""),
                name=name,
                expected=None if before is None else _readable(kind, before),
                found=None if after is None else _readable(kind, after),
                note=_note(kind, before, after),
            )


def _kind(kind: str, definition: str) -> str:
    if kind == "rel":
        return _RELATIONS.get(definition.partition("|")[0], "relation")
    return _KINDS.get(kind, kind)


def _note(kind: str, before: str | None, after: str | None) -> str:
    if after is None:
        return ""
    if kind == "idx" and _is_invalid(after) and not (before and _is_invalid(before)):
        return _INVALID
    if kind == "con" and after.endswith("|f") and not (before and before.endswith("|f")):
        return _NOT_VALID
    return ""


def _is_invalid(definition: str) -> bool:
    """Of ``definition|valid|replica identity|clustered``."""
    parts = definition.rsplit("|", 3)
    return len(parts) == 4 and parts[1] == "f"


def _readable(kind: str, definition: str) -> str:
    """A definition as the catalogue query gives it, for people."""
    return _WORDS.get(kind, str)(definition)


def _column(definition: str) -> str:
    """Of ``type|not null|identity|generated|collation or default``; as it is, if it is not that."""
    parts = definition.split("|", 4)
    if len(parts) < 4:
        return definition
    words = [parts[0]]
    words += ["NOT NULL"] if parts[1] == "t" else []
    words += {"a": ["GENERATED ALWAYS AS IDENTITY"], "d": ["GENERATED AS IDENTITY"]}.get(
        parts[2], []
    )
    if len(parts) == 5:
        words.append(f"{'GENERATED' if parts[3] else 'DEFAULT'} {parts[4]}")
    return " ".join(words)


def _index(definition: str) -> str:
    parts = definition.rsplit("|", 3)
    if len(parts) < 4:
        return definition
    marks = zip(
        parts[1:], ("f", "t", "t"), ("INVALID", "REPLICA IDENTITY", "CLUSTERED"), strict=True
    )
    return " ".join([parts[0], *(word for mark, said, word in marks if mark == said)])


def _constraint(definition: str) -> str:
    return definition.removesuffix("|t").removesuffix("|f")


def _relation(definition: str) -> str:
    """Of ``kind|persistence|row security|forced|...``."""
    parts = definition.split("|", 4)
    if len(parts) < 4:
        return _RELATIONS.get(parts[0], definition)
    words = [_RELATIONS.get(parts[0], parts[0])]
    words += ["UNLOGGED"] if parts[1] == "u" else []
    words += ["ROW LEVEL SECURITY"] if parts[2] == "t" else []
    words += ["FORCED"] if parts[3] == "t" else []
    return " ".join([*words, *(part for part in parts[4:] if part)])


_WORDS: dict[str, Callable[[str], str]] = {
    "col": _column,
    "idx": _index,
    "con": _constraint,
    "rel": _relation,
}
