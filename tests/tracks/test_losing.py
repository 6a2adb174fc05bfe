"""What earlier tracks came to is reported, whatever a later one comes to."""

from __future__ import annotations

from cli_desk import Desk
from several import BROKEN, revision, shop


def test_a_failure_is_told_though_a_later_track_could_not_be_begun(desk: Desk):
    assert desk.run("upgrade", "--create").code == 0
    revision(desk.folder / "shared", "s2", "s1", BROKEN)
    settings = desk.folder / "tenancy.toml"
    tenants, _, shared = settings.read_text().partition("[tracks.shared]")
    tenants = tenants.replace('after = ["shared"]', "")
    settings.write_text(f"[tracks.shared]{shared}{tenants}")  # nobody waits, and it goes first
    (desk.folder / "tenants" / "env.py").write_text("raise RuntimeError('no such luck')\n")
    done = desk.json("upgrade", code=1)
    found = {r["identifier"]: r["error"] for r in done["results"]}
    assert "no_such_function" in found["shared"]
    for name in ("acme", "bolt", "coil"):
        assert "no such luck" in found[name]
        assert "Nothing was changed" not in found[name]


def test_an_unknown_tenant_is_refused_before_anything_is_changed(desk: Desk):
    done = desk.run("upgrade", "--create", "--tenant", "nobody")
    assert done.code == 2
    assert "nobody" in done.err
    assert desk.stands() == {}


def test_without_a_list_of_tenants_nothing_is_changed(bare: Desk):
    shop(bare.folder)
    done = bare.run("upgrade", "--create")
    assert done.code == 2
    assert "there is no list of tenants" in done.err
    assert bare.stands() == {}
    assert bare.run("upgrade", "--track", "shared").code == 0
    assert bare.stands() == {"shared": "s1"}
