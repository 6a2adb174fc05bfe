"""What was found of drift, as the document of ``--json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi_tenancy.model.url import masked

if TYPE_CHECKING:
    from fastapi_tenancy.drift.values import Drift, Group, Variant


def drift_document(found: list[Drift]) -> dict[str, Any]:
    """The document of one history, or of several tracks."""
    if found[0].track.name:
        clean = all(one.clean for one in found)
        tracks = [
            {"track": one.track.name, "scope": one.track.scope.value, **_one(one)} for one in found
        ]
        return {"clean": clean, "tracks": tracks}
    return _one(found[0])


def _one(found: Drift) -> dict[str, Any]:
    return {
        "clean": found.clean,
        "positions": [_position(group) for group in found.groups],
        "not_compared": [
            {
                "tenants": list(one.tenants),
                "target": one.target.name,
                "reason": masked(one.reason),
                "note": one.note,
            }
            for one in found.unread
        ],
        "astray": [
            {"where": one.where, "found": one.found, "do": one.do, "note": one.note}
            for one in found.astray
        ],
    }


def _position(group: Group) -> dict[str, Any]:
    return {
        "revision": ",".join(group.heads) or None,
        "kind": group.kind.value,
        "compared_with": group.baseline.value,
        "reason": group.reason or None,
        "identical": group.identical,
        "drifted": group.drifted,
        "variants": [_variant(variant) for variant in group.variants],
    }


def _variant(variant: Variant) -> dict[str, Any]:
    return {
        "fingerprint": variant.fingerprint,
        "count": len(variant.tenants),
        "tenants": list(variant.tenants),
        "example": variant.example,
        "changes": [
            {
                "change": change.how.value,
                "kind": change.kind,
                "name": change.name,
                "expected": change.expected,
                "found": change.found,
                "note": change.note or None,
            }
            for change in variant.changes
        ],
    }
