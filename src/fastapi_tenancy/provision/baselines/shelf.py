"""Remembers baselines in this process, and keeps them where other processes find them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from fastapi_tenancy.errors import TenancyError
from fastapi_tenancy.model.baseline import Baseline
from fastapi_tenancy.resolving.remembered import Remembered

REFUSED_S = 600.0
"""Seconds after which a baseline that could not be made is tried again."""
ASKED_S = 30.0
"""Seconds that are waited for the list of tenants: other creators wait meanwhile."""
_MOST = 16
_log = logging.getLogger("fastapi_tenancy")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Choice:
    """A baseline, or the reason why a history is replayed instead."""

    baseline: Baseline | None = None
    reason: str = ""


class Keeps(Protocol):
    """Keeps baselines for all processes."""

    async def get(self, key: str) -> Baseline | None:
        """The baseline of this key, or None."""
        ...

    async def put(self, baseline: Baseline) -> None:
        """Keep it."""
        ...


@runtime_checkable
class KeepsBaselines(Protocol):
    """A catalogue that has room for baselines."""

    @property
    def baselines(self) -> Keeps:
        """Where they are."""
        ...


class Shelf:
    """What is known; called in worker threads, while the loop of ``keeps`` goes on."""

    def __init__(self, keeps: Keeps | None) -> None:
        self._keeps = keeps
        self._made: Remembered[str, Choice] = Remembered(_MOST, float("inf"))
        self._refused: Remembered[str, Choice] = Remembered(_MOST, REFUSED_S)

    def known(self, key: str) -> Choice | None:
        """What this process knows of it."""
        return self._refused.get(key) or self._made.get(key)

    def refuse(self, key: str, reason: str) -> Choice:
        """Replay for a while, because of this."""
        refused = Choice(reason=reason)
        self._refused.put(key, refused)
        return refused

    def kept(self, key: str, loop: asyncio.AbstractEventLoop) -> Choice | None:
        """What another process made of it."""
        baseline = self._asked(self._keeps.get(key), loop) if self._keeps else None
        return None if baseline is None else self._remember(baseline)

    def keep(self, baseline: Baseline, loop: asyncio.AbstractEventLoop) -> Choice:
        """Keep it for everybody, as far as that is possible."""
        if self._keeps:
            self._asked(self._keeps.put(baseline), loop)
        return self._remember(baseline)

    def _remember(self, baseline: Baseline) -> Choice:
        made = Choice(baseline)
        self._made.put(baseline.key, made)
        return made

    def _asked(self, work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> T | None:
        try:
            asked = asyncio.run_coroutine_threadsafe(work, loop)
        except RuntimeError:  # whoever asked for the tenant has ended its loop
            work.close()
            return None
        try:
            return asked.result(ASKED_S)
        except (TenancyError, TimeoutError, CancelledError) as error:
            asked.cancel()
            told = str(error) or f"the list of tenants did not answer in {ASKED_S:g} s"
            _log.info("baselines are this process's own: %s", told)
            return None
