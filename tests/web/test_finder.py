"""What is remembered of tenants: bounded, no longer than said, and never what has changed."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

import pytest

from fastapi_tenancy import InMemoryTenantStore, SQLAlchemyTenantStore, Tenant, TenantStatus
from fastapi_tenancy.errors import (
    CatalogueUnavailableError,
    ConfigurationError,
    ServerUnreachableError,
    TenantRefusedError,
)
from fastapi_tenancy.resolving import flights
from fastapi_tenancy.resolving.finder import REFUSED_TTL_S, TenantFinder
from fastapi_tenancy.resolving.key import TenantKey
from fastapi_tenancy.resolving.outage import PAUSE_S


class Counting(SQLAlchemyTenantStore):
    """A catalogue on PostgreSQL that counts what it is asked, and where told holds it up."""

    asked: list[str]
    fails: Exception | None = None
    mute = False
    gate: asyncio.Event | None = None
    held = 0

    async def get_by_identifier(self, identifier: str) -> Tenant:
        self.asked.append(identifier)
        if self.fails is not None:
            raise self.fails
        if self.mute:
            await asyncio.Event().wait()
        found = await super().get_by_identifier(identifier)
        if self.gate is not None:
            self.held += 1
            await self.gate.wait()
        return found


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Place:
    """A finder whose time stands still, and the catalogue it asks."""

    store: Counting
    other: SQLAlchemyTenantStore
    clock: Clock = field(default_factory=Clock)

    def finder(self, **values: float) -> TenantFinder:
        usual = {"size": 100, "ttl_s": 60, "patience_s": 10}
        return TenantFinder(self.store, **{**usual, **values}, clock=self.clock)  # type: ignore[arg-type]


def by_name(identifier: str) -> TenantKey:
    return TenantKey("identifier", identifier)


async def refusal(finder: TenantFinder, identifier: str) -> str:
    with pytest.raises(TenantRefusedError) as caught:
        await finder.find(by_name(identifier))
    return str(caught.value)


@pytest.fixture
async def place(store: SQLAlchemyTenantStore, tenancy_database: str) -> AsyncIterator[Place]:
    counting = Counting(tenancy_database)
    counting.asked = []
    yield Place(counting, store)
    await counting.close()


async def until(happened: Callable[[], bool]) -> None:
    """Let others go on until something has happened."""
    async with asyncio.timeout(20):
        while not happened():
            await asyncio.sleep(0)


async def test_a_tenant_is_asked_for_once_while_it_is_remembered(place: Place) -> None:
    finder = place.finder()
    for now in (0, 59):
        place.clock.now = now
        assert (await finder.find(by_name("acme"))).id == "1"
    assert place.store.asked == ["acme"]
    place.clock.now = 60
    await finder.find(by_name("acme"))
    assert place.store.asked == ["acme", "acme"]


async def test_what_is_remembered_needs_neither_the_loop_nor_a_thread(place: Place) -> None:
    finder = place.finder()
    await finder.find(by_name("acme"))
    with pytest.raises(StopIteration) as ended:
        finder.find(by_name("acme")).send(None)  # a coroutine that waits for nothing
    assert ended.value.value.id == "1"


@pytest.mark.parametrize("identifier", ["nobody", "idle", "gone", "soon"])
async def test_all_who_are_refused_are_remembered_alike(place: Place, identifier: str) -> None:
    finder = place.finder()
    first = await refusal(finder, identifier)
    assert await refusal(finder, identifier) == first
    assert place.store.asked == [identifier]
    place.clock.now = REFUSED_TTL_S
    await refusal(finder, identifier)
    assert place.store.asked == [identifier] * 2


async def test_with_a_time_to_live_of_0_nothing_is_remembered(place: Place) -> None:
    finder = place.finder(ttl_s=0)
    for _ in range(2):
        await finder.find(by_name("acme"))
        await refusal(finder, "nobody")
    assert place.store.asked == ["acme", "nobody"] * 2


async def test_malformed_names_never_reach_the_catalogue(place: Place) -> None:
    finder = place.finder()
    for value in ("x" * 256, "a\x00b", " acme", "acme\n", ""):
        await refusal(finder, value)
    assert place.store.asked == []


async def test_the_memory_is_bounded_and_keeps_who_is_asked_for(place: Place) -> None:
    await place.other.save_all([Tenant(id=f"t{n}", identifier=f"t{n}") for n in range(5)])
    finder = place.finder(size=3)
    for name in ("t0", "t1", "t2", "t0", "t3", "t0", "t4"):
        await finder.find(by_name(name))
    place.store.asked.clear()
    for name in ("t0", "t4", "t3"):
        await finder.find(by_name(name))
    assert place.store.asked == []
    await finder.find(by_name("t1"))
    assert place.store.asked == ["t1"]


async def test_names_that_do_not_exist_drive_nobody_out(place: Place) -> None:
    finder = place.finder(size=3)
    await finder.find(by_name("acme"))
    for n in range(20):
        await refusal(finder, f"nobody-{n}")
    place.store.asked.clear()
    await finder.find(by_name("acme"))
    assert place.store.asked == []
    await refusal(finder, "nobody-0")
    assert place.store.asked == ["nobody-0"]


async def test_many_who_ask_at_once_ask_once(place: Place) -> None:
    finder = place.finder()
    found = await asyncio.gather(*(finder.find(by_name("acme")) for _ in range(50)))
    assert {tenant.id for tenant in found} == {"1"}
    assert place.store.asked == ["acme"]


async def test_a_few_names_are_asked_for_at_a_time_and_many_more_are_told_to_come_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flights, "WAITING", 10)
    await place.other.save_all([Tenant(id=f"t{n}", identifier=f"t{n}") for n in range(11)])
    place.store.gate = asyncio.Event()
    finder = place.finder()
    waiting = [asyncio.create_task(finder.find(by_name(f"t{n}"))) for n in range(10)]
    await until(lambda: place.store.held == flights.AT_ONCE)
    with pytest.raises(CatalogueUnavailableError, match="10 names wait"):
        await finder.find(by_name("t10"))
    assert len(place.store.asked) == flights.AT_ONCE
    place.store.gate.set()
    assert len(await asyncio.gather(*waiting)) == 10


async def test_whoever_gives_up_spoils_nothing_for_the_others(place: Place) -> None:
    place.store.gate = asyncio.Event()
    finder = place.finder()
    first, second = (asyncio.create_task(finder.find(by_name("acme"))) for _ in range(2))
    await until(lambda: place.store.held == 1)
    first.cancel()
    await until(first.done)
    place.store.gate.set()
    assert (await second).id == "1"
    assert place.store.asked == ["acme"]


class TestChanges:
    """What any store of this process changes is seen by whoever asks afterwards."""

    async def test_a_suspended_tenant_is_not_served_any_more(self, place: Place) -> None:
        finder = place.finder()
        acme = await finder.find(by_name("acme"))
        await place.other.update(replace(acme, status=TenantStatus.SUSPENDED))
        assert await refusal(finder, "acme") == "the tenant 'acme' is suspended"
        await place.other.update(acme)
        assert (await finder.find(by_name("acme"))).id == "1"

    async def test_a_new_tenant_is_served_though_it_was_unknown_before(self, place: Place) -> None:
        finder = place.finder()
        await refusal(finder, "nova")
        await place.other.create(Tenant(id="9", identifier="nova", host="nova.example.com"))
        assert (await finder.find(by_name("nova"))).id == "9"
        assert (await finder.find(TenantKey("host", "nova.example.com"))).id == "9"

    async def test_a_renamed_tenant_goes_by_its_new_names_only(self, place: Place) -> None:
        await place.other.update(Tenant(id="1", identifier="acme", host="a.example.com"))
        finder = place.finder()
        before = TenantKey("host", "a.example.com"), by_name("acme")
        for key in before:
            acme = await finder.find(key)
        await place.other.update(replace(acme, identifier="apex", host="b.example.com"))
        for key in before:
            with pytest.raises(TenantRefusedError):
                await finder.find(key)
        for key in (TenantKey("host", "b.example.com"), by_name("apex")):
            assert (await finder.find(key)).id == "1"

    @pytest.mark.parametrize("hard", [False, True])
    async def test_a_deleted_tenant_is_not_served(self, place: Place, hard: bool) -> None:
        finder = place.finder()
        await finder.find(by_name("acme"))
        await place.other.delete("1", hard=hard)
        await refusal(finder, "acme")

    async def test_an_answer_that_was_under_way_is_not_remembered(self, place: Place) -> None:
        """It was read before the change and comes after it."""
        place.store.gate = asyncio.Event()
        finder = place.finder()
        early = asyncio.create_task(finder.find(by_name("acme")))
        await until(lambda: place.store.held == 1)
        await place.other.update(Tenant(id="1", identifier="acme", name="Acme Ltd"))
        late = asyncio.create_task(finder.find(by_name("acme")))
        await until(lambda: place.store.held == 2)
        place.store.gate.set()
        assert (await early).name == ""
        assert (await late).name == "Acme Ltd"
        assert (await finder.find(by_name("acme"))).name == "Acme Ltd"

    async def test_changes_come_from_any_thread(self, place: Place) -> None:
        finder = place.finder()
        acme = await finder.find(by_name("acme"))

        def suspend() -> None:
            asyncio.run(place.other.update(replace(acme, status=TenantStatus.SUSPENDED)))

        thread = threading.Thread(target=suspend)
        thread.start()
        await until(lambda: not thread.is_alive())
        await refusal(finder, "acme")

    async def test_nobody_is_kept_alive_to_be_told(self, place: Place) -> None:
        finder = place.finder()
        gone = weakref.ref(finder)
        del finder
        gc.collect()
        assert gone() is None
        await place.other.create(Tenant(id="9", identifier="nova"))


class TestOutages:
    async def test_a_server_that_is_away_is_left_alone_for_a_moment(self, place: Place) -> None:
        finder = place.finder()
        await finder.find(by_name("acme"))
        place.store.fails = ServerUnreachableError("the catalogue cannot be reached")
        place.store.asked.clear()
        for name in ("bolt", "idle", "bolt"):
            with pytest.raises(CatalogueUnavailableError, match="cannot be reached"):
                await finder.find(by_name(name))
        assert place.store.asked == ["bolt"]
        assert (await finder.find(by_name("acme"))).id == "1"
        place.store.fails, place.clock.now = None, PAUSE_S
        assert (await finder.find(by_name("bolt"))).id == "2"

    async def test_everybody_who_waited_is_told(self, place: Place) -> None:
        place.store.fails = ConnectionRefusedError("postgresql://u:geheim@h/db refused")
        finder = place.finder()
        results = await asyncio.gather(
            *(finder.find(by_name("acme")) for _ in range(10)), return_exceptions=True
        )
        assert all(isinstance(one, CatalogueUnavailableError) for one in results)
        assert len({id(one) for one in results}) == 10
        assert "geheim" not in str(results)

    async def test_one_tenant_that_cannot_be_read_is_one_tenant(self, place: Place) -> None:
        place.store.fails = ConfigurationError("the tags of tenant 'acme' are wrong")
        finder = place.finder()
        with pytest.raises(CatalogueUnavailableError, match="tags"):
            await finder.find(by_name("acme"))
        place.store.fails = None
        assert (await finder.find(by_name("bolt"))).id == "2"

    async def test_a_catalogue_that_never_answers_is_not_waited_for(self, place: Place) -> None:
        place.store.mute = True
        with pytest.raises(CatalogueUnavailableError, match=r"no answer in 0\.05 s"):
            await place.finder(patience_s=0.05).find(by_name("acme"))


async def test_closing_gives_up_what_is_under_way(place: Place) -> None:
    place.store.gate = asyncio.Event()
    finder = place.finder()
    asking = asyncio.create_task(finder.find(by_name("acme")))
    await until(lambda: place.store.held == 1)
    await finder.close()
    with pytest.raises(CatalogueUnavailableError, match="closed"):
        await asking
    place.store.gate.set()
    assert (await finder.find(by_name("acme"))).id == "1"


def test_it_serves_one_event_loop_after_another() -> None:
    store = InMemoryTenantStore([Tenant(id="1", identifier="acme")])
    finder = TenantFinder(store, size=1, ttl_s=0, patience_s=10)
    for _ in range(2):
        assert asyncio.run(finder.find(by_name("acme"))).id == "1"
