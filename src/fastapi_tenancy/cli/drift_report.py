"""Tells people which tenants differ, and in what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.words import in_words, names_in_words, targets_in_words

if TYPE_CHECKING:
    from fastapi_tenancy.drift.values import Change, Drift, Group, Variant
    from fastapi_tenancy.model.track import Scope, Track

VARIANTS = 5
"""Variants of a position that are shown in detail; --json has them all."""
CHANGES = 20
"""Objects of a variant that are shown."""
CAUSES = 10
"""Reasons that are told why targets could not be read."""
_LONGEST = 200
"""Characters of a definition: a function has many lines."""


def tell_drift(output: Output, found: Drift) -> None:
    """Print what was found on one track."""
    prefix = f"{found.track.name}: " if found.track.name else ""
    kinds = {group.kind for group in found.groups}
    for group in found.groups:
        place = f" in {group.kind.value}s" if len(kinds) > 1 else ""
        output.say(f"{prefix}at {_position(group)}{place}: {_counted(group)}")
        if group.reason:
            output.say(f"  {_reason(group)}", style="yellow")
        _tell_variants(output, group, found.track.scope)
    _tell_unread(output, found)
    for one in found.astray:
        style = "yellow" if one.note else "red"
        output.say(f"{'note: ' if one.note else ''}{one.where}: {one.found}; {one.do}", style=style)
    if not found.groups:
        output.say(f"{prefix}nothing was compared: {_nobody(found)}")


def _nobody(found: Drift) -> str:
    if found.unread:
        return "no target could be"
    return f"there are no {_who(found.track)}s to look at"


def _position(group: Group) -> str:
    return ", ".join(group.heads) or "base"


def _counted(group: Group) -> str:
    """``9,961 identical; 14 in 3 variants``."""
    told = f"{group.identical:,} identical"
    if not group.variants:
        return told
    count = len(group.variants)
    return f"{told}; {group.drifted:,} in {in_words(count, 'variant')}"


def _reason(group: Group) -> str:
    return f"compared among themselves, not with what the migrations make: {group.reason}"


def _who(track: Track) -> str:
    return targets_in_words(1, track.scope).removeprefix("1 ")


def _tell_variants(output: Output, group: Group, scope: Scope) -> None:
    for number, variant in enumerate(group.variants[:VARIANTS], start=1):
        count = targets_in_words(len(variant.tenants), scope)
        names = names_in_words(variant.tenants, 3)
        output.say()
        output.say(f"variant {number} of {_position(group)}: {count} ({names})", style="red")
        _tell_changes(output, variant)
    left = len(group.variants) - VARIANTS
    if left > 0:
        output.say(f"and {in_words(left, 'more variant')} (--json shows them all)")


def _tell_changes(output: Output, variant: Variant) -> None:
    from fastapi_tenancy.cli.tables import table

    shown = variant.changes[:CHANGES]
    columns = ("", "object", "expected", f"found in {variant.example}")
    rows = ((c.how.value, f"{c.kind} {c.name}", _short(c.expected), _short(c.found)) for c in shown)
    output.out.print(table(columns, rows))
    for note in _notes(shown):
        output.say(note, style="yellow")
    left = len(variant.changes) - CHANGES
    if left > 0:
        output.say(f"and {in_words(left, 'more object')} (--json shows them all)")


def _notes(changes: tuple[Change, ...]) -> Iterator[str]:
    for change in changes:
        if change.note:
            yield f"{change.name}: {change.note}"


def _short(definition: str | None) -> str:
    if definition is None:
        return ""
    line = " ".join(definition.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."


def _tell_unread(output: Output, found: Drift) -> None:
    """Name those that were not compared, a line for each reason."""
    causes: dict[tuple[bool, str], list[str]] = {}
    for one in found.unread:
        causes.setdefault((one.note, one.reason), []).extend(one.tenants)
    ordered = sorted(causes.items(), key=lambda cause: (cause[0][0], -len(cause[1])))
    for (note, reason), names in ordered[:CAUSES]:
        count = targets_in_words(len(names), found.track.scope)
        told = f"{count} not compared ({names_in_words(names)}): {reason}"
        output.say(told, style="yellow" if note else "red")
    if len(ordered) > CAUSES:
        more = in_words(len(ordered) - CAUSES, "more reason")
        output.say(f"and {more} (--json shows them all)")
