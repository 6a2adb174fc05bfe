"""A revision that ends the process fails its tenant; the others go on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from fastapi_tenancy.model.plan import Command, Engine
from project import Project
from same import FLEET
from snapshot import heads

ENDS = [
    ("sys.exit(0)", "the revision ended the process with exit(0)"),
    ("sys.exit('enough')", "the revision ended the process with exit('enough')"),
    ("raise KeyboardInterrupt", "the revision raised KeyboardInterrupt"),
    ("raise BaseException('no')", "the revision raised BaseException"),
]
TOP = "import sys\nfrom fastapi_tenancy import current_tenant"
FOR_ONE = "if current_tenant().identifier == {name!r}:\n    {ends}\n"
ROWS = "op.execute(\"UPDATE items SET note = 'r2'\")\n"
LOOK = "op.get_bind().execute(sa.text('SELECT 1'))\n"


def _in_thread(work: Callable[[], object]) -> None:
    """Off the main thread, as the command runs it: a real Ctrl-C cannot arrive there."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()


@pytest.mark.parametrize(("ends", "told"), ENDS)
@pytest.mark.parametrize("look", ["", LOOK], ids=["rendered", "live"])
@pytest.mark.parametrize("name", ["a1", "a2", "a5"])
def test_one_tenant_fails(seeded: Project, ends: str, told: str, look: str, name: str) -> None:
    seeded.revision("r2", "r1", look + ROWS + FOR_ONE.format(name=name, ends=ends), top=TOP)

    def go() -> None:
        done = seeded.run(FLEET)
        assert {n for n, kind in done.kinds.items() if kind == "failed"} == {name}
        assert done.outcome(name).error.startswith(f"revision r2: {told}")  # type: ignore[union-attr]

    _in_thread(go)
    for tenant in FLEET:
        assert heads(seeded.url, tenant) == ({"r1"} if tenant == name else {"r2"})


@pytest.mark.parametrize(("ends", "told"), ENDS)
@pytest.mark.parametrize("engine", [Engine.AUTO, Engine.LIVE])
def test_all_tenants_fail(seeded: Project, ends: str, told: str, engine: Engine) -> None:
    seeded.revision("r2", "r1", ROWS, ends, top=TOP)
    seeded.revision("r3", "r2", ROWS + ends, top=TOP)

    def go() -> None:
        done = seeded.run(FLEET, engine=engine)
        assert set(done.kinds.values()) == {"failed"}
        assert all((o.error or "").startswith(f"revision r3: {told}") for o in done.report.outcomes)
        if engine is Engine.AUTO:
            assert done.reasons["r3"].startswith(f"does not render: {told}")
        seeded.run(FLEET, "r2").require_success()
        down = seeded.run(FLEET, "r1", Command.DOWNGRADE, engine=engine)
        assert set(down.kinds.values()) == {"failed"}

    _in_thread(go)


def test_a_module_that_ends_the_process_when_it_is_loaded_again(
    seeded: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "loaded", [], raising=False)
    top = TOP + "\nsys.loaded.append(1)\nif sys.loaded[1:]:\n    sys.exit(4)"
    seeded.revision("r2", "r1", ROWS, top=top)

    def go() -> None:
        done = seeded.run(FLEET)
        assert set(done.kinds.values()) == {"failed"}
        assert "exit(4)" in (done.outcome("a1").error or "")

    _in_thread(go)


def test_a_pair_whose_render_fails_only_when_compared(
    seeded: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "asked", [], raising=False)
    up = FOR_ONE.format(name="a1", ends="sys.asked.append(1)\n    sys.asked[4:5] and sys.exit(0)")
    seeded.revision("r2", "r1", up + ROWS, top=TOP)

    def go() -> None:
        done = seeded.run(FLEET).require_success()
        assert "it does not render: the revision ended" in done.report.differences[0].message

    _in_thread(go)
