"""What counts as the revision's own look at the clock, and what merely happens beside it."""

from __future__ import annotations

import gc
import time

from fastapi_tenancy.engine.watch import watching


def seen_during(action) -> list[str]:
    seen: list[str] = []

    def no_connection(what: str):
        raise AssertionError(what)

    with watching(seen.append, no_connection):
        action()
    return seen


def test_a_look_at_the_clock_is_seen_however_deep():
    def deep():
        return [time.time() for _ in range(1)]

    assert seen_during(deep) == ["time()"]


def test_a_collection_that_becomes_due_is_not_the_revisions_doing():
    def timer(_phase, _info):
        time.perf_counter()

    gc.callbacks.append(timer)
    try:
        assert seen_during(gc.collect) == []
    finally:
        gc.callbacks.remove(timer)


def test_nor_is_a_finalizer():
    class Stamped:
        def __del__(self):
            time.time()

    def drop():
        kept = Stamped()
        del kept

    assert seen_during(drop) == []
