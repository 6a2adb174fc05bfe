"""Reads the expression of a policy, as PostgreSQL writes it: does it keep tenants apart?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi_tenancy.isolation.casting import (
    TEXTS,
    Column,
    Setting,
    bare,
    canonical_of,
    outside,
    read_column,
    read_setting,
    sides_of,
)
from fastapi_tenancy.isolation.exactness import Exact

_AND = (" AND ", " AND\n")
_ASKED = re.compile(r"CASE\s+WHEN (?P<rest>.+) THEN true\s+ELSE false\s+END", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Form:
    """A column that has to equal a setting, and how they are compared."""

    column: str
    setting: str
    exact: Exact


def tenant_form(expression: str | None, types: Mapping[str, str]) -> Form | None:
    """The column and the setting that an expression says are equal; None if it says anything else.

    Parentheses and ``NULLIF(..., '')`` around the setting change nothing about who sees what, nor
    does the order of the two. Of casts, those are read that leave different values different.
    Besides, it may say that the setting equals itself when it is cast and written as text again.

    Args:
        expression: of ``pg_get_expr``, which puts every comparison into parentheses.
        types: of the columns, as ``format_type`` writes them.
    """
    found, canonical = list[tuple[Form, str]](), set[tuple[str, str]]()
    for part in map(_condition, _parts(bare(expression or ""))):
        form, same = _equality(part, types), canonical_of(part)
        if form is None and same is None:
            return None
        found += [form] if form else []
        canonical |= {same} if same else set()
    if not found or len({(form.column, form.setting) for form, _ in found}) > 1:
        return None
    forms = [
        Form(form.column, form.setting, Exact.SETTING)
        if form.exact is Exact.TYPE and (form.setting, kind) in canonical
        else form
        for form, kind in found
    ]
    best = max(forms, key=lambda form: form.exact)
    return best if best.exact > Exact.MERGED else None


def _equality(part: str, types: Mapping[str, str]) -> tuple[Form, str] | None:
    """A column that equals a setting, and the type that this one is cast to first."""
    for left, right in sides_of(part):
        column, setting = read_column(left), read_setting(right)
        if column is None or setting is None:
            continue
        if column.cast in (None, *TEXTS) and all(cast in TEXTS for cast in setting.casts):
            exact = Exact.BYTES if column.by_bytes else Exact.TEXT
            return Form(column.name, setting.name, exact), ""
        kind = next(iter(setting.casts), "")
        apart = _leaves_different(column, setting, types.get(column.name, ""))
        exact = Exact.SETTING if setting.canonical else Exact.TYPE
        return Form(column.name, setting.name, exact if apart else Exact.MERGED), kind
    return None


# What each may be cast to while different values stay different.
_WIDER: Mapping[str, frozenset[str]] = {
    "smallint": frozenset({"integer", "bigint", "numeric"}),
    "integer": frozenset({"bigint", "numeric"}),
    "bigint": frozenset({"numeric"}),
    "date": frozenset({"timestamp without time zone"}),
}
_WHOLE = frozenset(
    {
        *("text", "character varying", "bpchar", "uuid", "smallint", "integer", "bigint"),
        *("numeric", "date", "timestamp with time zone", "timestamp without time zone"),
    }
)
"""Types that an id may be cast to without two that differ in more than spelling becoming one."""
_LOSSY = frozenset({'"char"', "boolean", "real", "double precision", "money", "bit"})


def _leaves_different(column: Column, setting: Setting, kind: str) -> bool:
    """True where no cast of either side makes one of two values."""
    if column.by_bytes or not setting.casts:
        return False
    first, *others = setting.casts
    if first not in _WHOLE and (first != kind or kind in _LOSSY):
        return False
    own = bool(kind) and first == kind
    for before, after in zip(setting.casts, others, strict=False):
        # A domain is compared as what it is based on.
        based = own and before == kind and after in _WHOLE and kind not in _WHOLE
        if not (based or after in TEXTS or after in _WIDER.get(before, ())):
            return False
    if column.cast is None or column.cast in TEXTS:
        return True
    based = own and column.cast in others
    return based or column.cast == kind or column.cast in _WIDER.get(kind, ())


def _condition(part: str) -> str:
    """What a part asks, where it says so with CASE."""
    asked = _ASKED.fullmatch(bare(part))
    return asked["rest"] if asked else part


def _parts(text: str) -> list[str]:
    """What has to be true all at once."""
    parts, start = list[str](), 0
    for at, depth in outside(text):
        if depth == 0 and text.startswith(_AND, at):
            parts.append(text[start:at])
            start = at + len(_AND[0])
    return [*parts, text[start:]]
