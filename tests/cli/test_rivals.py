"""Two tenants that claim one schema: whoever is chosen, none of them is touched."""

from __future__ import annotations

import pytest

from cli_desk import Desk

TWO = (
    "SELECT 'a' AS identifier, 'tenant_one' AS schema_name"
    " UNION ALL SELECT 'b', 'tenant_one' UNION ALL SELECT 'c', 'tenant_c'"
)


@pytest.mark.parametrize("chosen", [("--tenant", "a"), ("--limit", "1"), ("--exclude", "b")])
def test_one_alone_is_refused_too(desk: Desk, chosen: tuple[str, str]):
    (desk.folder / "tenancy.toml").write_text(f'tenants_query = "{TWO}"\n')
    done = desk.run("upgrade", "--create", *chosen)
    assert done.code == 1
    said = " ".join((done.out + done.err).split())
    assert "the tenants 'a', 'b' all claim the schema 'tenant_one'" in said
    assert desk.run("upgrade", "--create", "--tenant", "c").code == 0
