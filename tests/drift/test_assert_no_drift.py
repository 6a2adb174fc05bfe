"""`assert_no_drift`: models, migrations and databases in one test."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fastapi_tenancy import TenancyConfig, Tenant
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.testing.drift import assert_no_drift
from helped import Helped


@pytest.fixture
def shop(tmp_path: Path, tenancy_database: str, monkeypatch: pytest.MonkeyPatch) -> Helped:
    """Two tenants at head."""
    project = Helped.made(tmp_path / "project", tenancy_database)
    project.add("acme", "bolt")
    project.done("tenancy upgrade --create")
    monkeypatch.delitem(sys.modules, "models", raising=False)
    monkeypatch.chdir(project.folder)
    monkeypatch.syspath_prepend(project.folder)
    return project


def test_nothing_has_drifted(shop: Helped):
    assert_no_drift()


def test_a_tenant_that_has(shop: Helped):
    shop.sql("ALTER TABLE tenant_bolt.items ADD by_hand int")
    with pytest.raises(AssertionError, match=r"at r3: bolt: added column items\.by_hand") as told:
        assert_no_drift()
    assert "acme" not in str(told.value)
    config = TenancyConfig(database_url=shop.url)
    assert_no_drift(config, tenants=[Tenant(id="acme", identifier="acme")])


def test_models_that_have(shop: Helped):
    with (shop.folder / "models.py").open("a") as file:
        file.write('sa.Table("more", metadata, sa.Column("id", sa.Integer, primary_key=True))\n')
    with pytest.raises(AssertionError, match="models: more: the table is in the models only"):
        assert_no_drift()
    assert_no_drift(models=False)


def test_a_tenant_that_cannot_be_compared(shop: Helped):
    shop.sql("DROP TABLE tenant_bolt.alembic_version")
    with pytest.raises(AssertionError, match="bolt: not compared: it has no version table"):
        assert_no_drift()


def test_a_history_without_models(shop: Helped):
    (shop.folder / "alembic" / "env.py").write_text(
        "from fastapi_tenancy.migrations.env import run_migrations\n\nrun_migrations()\n"
    )
    assert_no_drift()


def test_a_track_that_is_not_there(shop: Helped):
    with pytest.raises(ConfigurationError, match="no track 'users'"):
        assert_no_drift(track="users")
