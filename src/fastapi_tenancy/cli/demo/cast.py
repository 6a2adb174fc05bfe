"""Who plays: tenants with names, tiers and the revision each of them stands at before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.tenant import Tenant, TenantStatus

NEW = ""
"""The starting point of a tenant that has nothing yet, not even a schema."""
SEEDED = "0003_invoices"
STARTS = (SEEDED, "0008_invoice_lookup", "0011_merge", NEW)
"""The revisions the tenants stand at when the demo begins."""
FEWEST = 8
_PATTERN = (2, 1, 0, 3, 2, 1, 2, 2, 1, 0, 2, 1, 2, 2, 3, 1, 2, 0, 2, 1)
_TIERS = ("gold", "silver", "bronze")
# fmt: off
_FIRST = (
    "amber", "baltic", "cedar", "delta", "ember", "fjord", "granite", "harbor", "indigo",
    "juniper", "karst", "linden", "meadow", "nordic", "orchid", "pine", "quartz", "river",
    "summit", "tidal",
)
_SECOND = (
    "bakery", "bikes", "books", "cameras", "clinic", "coffee", "dental", "design", "freight",
    "gardens", "glass", "hotels", "joinery", "labs", "mills", "optics", "paper", "sailing",
    "tea", "tools",
)
# fmt: on


@dataclass(frozen=True, slots=True)
class Player:
    """A tenant and the revision it stands at before the demo."""

    tenant: Tenant
    start: str

    @property
    def gold(self) -> bool:
        """True when the revision for gold tenants applies to it."""
        return self.tenant.tags["tier"] == "gold"


@dataclass(frozen=True, slots=True)
class Cast:
    """The fleet, and the one tenant in it whose rows make a revision impossible."""

    players: tuple[Player, ...]
    broken: Player

    def starting_at(self, start: str) -> tuple[Player, ...]:
        """Those who stand at a revision before the demo."""
        return tuple(p for p in self.players if p.start == start)


def make_cast(count: int) -> Cast:
    """Choose ``count`` tenants, the same ones every time.

    Raises:
        ConfigurationError: too few for every part to be played.
    """
    if count < FEWEST:
        raise ConfigurationError(
            f"--tenants is {count}; the demo needs at least {FEWEST}, so that there are old ones,"
            " new ones and a broken one"
        )
    players = tuple(_player(number, name) for number, name in enumerate(_names(count)))
    oldest = [p for p in players if p.start == SEEDED]
    return Cast(players, oldest[len(oldest) // 2])


def make_sample(each: int) -> tuple[Player, ...]:
    """Tenants for comparison: ``each`` for every starting point, their tiers mixed alike."""
    return tuple(
        Player(_tenant(f"sample-{number}", tier=_TIERS[number % 3]), start)
        for number, (start, _) in enumerate(product(STARTS, range(each)))
    )


def _player(number: int, name: str) -> Player:
    start = STARTS[_PATTERN[number % len(_PATTERN)]]
    status = TenantStatus.SUSPENDED if number % 50 == 7 else TenantStatus.ACTIVE
    tier = _TIERS[(number + number // 3) % 3]
    return Player(_tenant(name, tier=tier, status=status), start)


def _tenant(name: str, *, tier: str, status: TenantStatus = TenantStatus.ACTIVE) -> Tenant:
    return Tenant(
        id=f"id-{name}",
        identifier=name,
        name=name.replace("-", " ").title(),
        status=status,
        tags={"tier": tier},
        schema_name="tenant_" + name.replace("-", "_"),
    )


def _names(count: int) -> Iterable[str]:
    pairs = [f"{a}-{b}" for b, a in product(_SECOND, _FIRST)]
    for number in range(count):
        again = number // len(pairs)
        yield pairs[number % len(pairs)] + (f"-{again + 1}" if again else "")


WARM_UP = Player(_tenant("sample-warm-up", tier="gold"), NEW)
"""Whom plain Alembic migrates first, its time not counted."""
