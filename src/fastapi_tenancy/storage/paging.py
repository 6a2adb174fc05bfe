"""Reading a catalogue piece by piece: windows by number, streams by key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.tenant import Tenant

Page: TypeAlias = Callable[[Tenant | None, int], Awaitable[list[Tenant]]]
"""Reads up to so many tenants that come after this one (None: the first ones)."""


async def streamed(page: Page, batch: int) -> AsyncIterator[Tenant]:
    """Give every tenant of a catalogue, ``batch`` at a time, each page from the key of the last.

    Raises:
        ConfigurationError: ``batch`` is less than 1.
    """
    if batch < 1:
        raise ConfigurationError(f"batch is {batch}; expected a number of at least 1")
    last: Tenant | None = None
    while True:
        tenants = await page(last, batch)
        for tenant in tenants:
            yield tenant
        if len(tenants) < batch:
            return
        last = tenants[-1]


def check_window(skip: int, limit: int) -> None:
    """Refuse a window that cannot be read.

    Raises:
        ConfigurationError: ``skip`` or ``limit`` is negative.
    """
    if skip < 0 or limit < 0:
        raise ConfigurationError(f"skip is {skip} and limit is {limit}; neither may be negative")
