"""Baselines are kept for others as far as that is possible; nobody waits for it for ever."""

from __future__ import annotations

import asyncio
import threading

import pytest

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.baseline import Baseline
from fastapi_tenancy.provision.baselines import shelf
from fastapi_tenancy.provision.baselines.shelf import Shelf

MADE = Baseline("key", "", ("r1",), "f", b"script")


class Silent:
    """A list that never answers, and one that refuses."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    async def get(self, key: str) -> Baseline | None:
        if self._error is not None:
            raise self._error
        await asyncio.sleep(3600)
        raise AssertionError(key)

    async def put(self, baseline: Baseline) -> None:
        await self.get(baseline.key)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("keeps", [Silent(), Silent(ConfigurationError("no right"))])
async def test_a_list_that_cannot_keep_it(keeps: Silent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "ASKED_S", 0.1)
    kept, loop = Shelf(keeps), asyncio.get_running_loop()
    assert await asyncio.to_thread(kept.kept, "key", loop) is None
    assert (await asyncio.to_thread(kept.keep, MADE, loop)).baseline == MADE
    known = kept.known("key")
    assert known is not None
    assert known.baseline == MADE


def test_a_loop_that_has_ended() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    assert Shelf(Silent()).kept("key", loop) is None


def test_a_loop_that_ends_meanwhile() -> None:
    found: list[object] = []
    kept = Shelf(Silent())

    async def ask() -> threading.Thread:
        loop = asyncio.get_running_loop()
        thread = threading.Thread(target=lambda: found.append(kept.kept("key", loop)))
        thread.start()
        await asyncio.sleep(0.2)
        return thread

    asyncio.run(ask()).join(5)
    assert found == [None]
