"""What the package offers is in the documentation."""

from __future__ import annotations

import inspect
import re

import pytest

import fastapi_tenancy
from docs_pages import DOCS
from fastapi_tenancy import TenancyConfig, errors
from fastapi_tenancy.engine.cohort import SMALLEST
from fastapi_tenancy.engine.lease import LEASE_S
from fastapi_tenancy.engine.prove import CANDIDATES
from fastapi_tenancy.engine.structures import SAMPLE
from fastapi_tenancy.migrations.results import TenantResult
from fastapi_tenancy.model import event
from fastapi_tenancy.model.tenant import Tenant
from settings_table import settings_table

PYTHON = (DOCS / "python.md").read_text(encoding="utf-8")


def _section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PYTHON, re.DOTALL | re.MULTILINE)
    assert found, title
    return found[1]


@pytest.mark.parametrize("name", fastapi_tenancy.__all__)
def test_every_public_name_is_explained(name: str):
    assert f"`{name}" in PYTHON


def test_the_table_of_settings_is_that_of_the_settings():
    assert settings_table() in PYTHON, f"it should be:\n{settings_table()}"


def test_every_setting_can_be_given_by_the_name_the_table_shows(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TENANCY_CONCURRENCY", "7")
    assert TenancyConfig().concurrency == 7


@pytest.mark.parametrize("name", sorted(Tenant.__dataclass_fields__))
def test_every_field_of_a_tenant_is_explained(name: str):
    assert f"`{name}`" in _section("Tenants")


@pytest.mark.parametrize("name", sorted(TenantResult.__annotations__))
def test_every_key_of_a_result_is_explained(name: str):
    assert f"`{name}`" in _section("Migrating")


@pytest.mark.parametrize("kind", event.Event.__args__, ids=lambda kind: kind.__name__)
def test_every_event_is_explained_with_its_fields(kind: type):
    row = next(line for line in PYTHON.splitlines() if line.startswith(f"| `{kind.__name__}`"))
    assert re.findall(r"`(\w+)`", row.split("|")[2]) == list(kind.__dataclass_fields__)


def test_every_error_is_explained():
    known = [
        n
        for n, value in vars(errors).items()
        if inspect.isclass(value) and value.__module__ == errors.__name__
    ]
    listed = re.findall(r"^\| `(\w+)`", _section("Errors"), re.MULTILINE)
    assert sorted(listed) == sorted(known)


@pytest.mark.parametrize(
    "method",
    ["upgrade_tenant", "upgrade_all", "downgrade_tenant", "downgrade_all", "get_current_revision"],
)
def test_signatures_of_the_manager_are_as_shown(method: str):
    shown = re.search(rf"^\| `{method}\((.*?)\)`", PYTHON, re.MULTILINE)
    assert shown, method
    signature = inspect.signature(getattr(fastapi_tenancy.TenantMigrationManager, method))
    parameters = [
        p.replace(annotation=p.empty) for n, p in signature.parameters.items() if n != "self"
    ]
    real = str(signature.replace(parameters=parameters, return_annotation=signature.empty))
    assert shown[1] == real[1:-1].replace("'", '"')


def test_the_numbers_on_the_concepts_page_are_those_of_the_engine():
    page = " ".join((DOCS / "concepts.md").read_text(encoding="utf-8").split())
    recycled = TenancyConfig.model_fields["recycle_after"].default
    for said in (
        f"ends after {LEASE_S:.0f} seconds",
        f"no two of the first {CANDIDATES} targets are equal",
        f"up to {SAMPLE} targets of each cohort",
        f"replaced after {recycled} targets",
    ):
        assert said in page
    assert (SMALLEST, "fewer than three targets" in page) == (3, True)
