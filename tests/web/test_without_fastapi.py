"""Without the extras, all but what needs them works; the rest says which extra is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
"""
FASTAPI = ("fastapi", "starlette")


def run(tmp_path: Path, names: tuple[str, ...], code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _BLOCKED.format(names=names) + code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        env={k: v for k, v in os.environ.items() if not k.startswith("TENANCY_")},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_package_the_manager_and_the_command_work(tmp_path: Path) -> None:
    code = """
import asyncio
from fastapi_tenancy import InMemoryTenantStore, TenancyConfig, TenancyManager, Tenant
from fastapi_tenancy.cli.app import main

async def work():
    store = InMemoryTenantStore([Tenant(id="1", identifier="acme")])
    async with TenancyManager(TenancyConfig(), store) as manager:
        headers = [(b"x-tenant-id", b"acme")]
        print((await manager.resolve({"type": "http", "headers": headers})).identifier)

asyncio.run(work())
sys.argv = ["tenancy", "--version"]
main()
"""
    assert run(tmp_path, FASTAPI, code).startswith("acme\n")


def test_the_middleware_serves_any_asgi_application(tmp_path: Path) -> None:
    code = """
import asyncio
from fastapi_tenancy import (
    InMemoryTenantStore, TenancyConfig, TenancyManager, TenancyMiddleware, Tenant,
    current_request_tenant,
)

async def app(scope, receive, send):
    print(scope["state"]["tenant"].identifier, current_request_tenant().identifier)

async def send(message):
    print(message["type"])

store = InMemoryTenantStore([Tenant(id="1", identifier="acme")])
served = TenancyMiddleware(app, manager=TenancyManager(TenancyConfig(), store))
scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"x-tenant-id", b"acme")]}
asyncio.run(served(scope, None, send))
asyncio.run(served({**scope, "headers": []}, None, send))
"""
    assert run(tmp_path, FASTAPI, code).splitlines() == [
        "acme acme",
        "http.response.start",
        "http.response.body",
    ]


@pytest.mark.parametrize(
    "code",
    [
        "from fastapi_tenancy import TenantDep",
        "from fastapi_tenancy import get_tenant_session",
        "import fastapi_tenancy; fastapi_tenancy.get_tenant",
        "import fastapi_tenancy.web.dependencies",
        "from fastapi_tenancy import TenancyConfig, TenancyManager\n"
        "TenancyManager(TenancyConfig(), resolver=lambda connection: 'acme')",
    ],
)
def test_what_needs_fastapi_says_so(tmp_path: Path, code: str) -> None:
    indented = "\n    ".join(code.splitlines())
    printed = run(
        tmp_path, FASTAPI, f"try:\n    {indented}\nexcept ImportError as e:\n    print(e)"
    )
    assert printed.endswith(
        "is not installed; it comes with pip install 'fastapi-tenancy[fastapi]'"
    )


def test_tokens_need_an_extra(tmp_path: Path) -> None:
    code = """
from fastapi_tenancy import TenancyConfig, TenancyManager
config = TenancyConfig(resolution_strategy="jwt", jwt_key="k" * 32, jwt_algorithm="HS256", jwt_audience="shop")
try:
    TenancyManager(config)
except ImportError as e:
    print(e)
"""
    assert run(tmp_path, ("jwt",), code) == (
        "jwt is not installed; it comes with pip install 'fastapi-tenancy[jwt]'"
    )


def test_sessions_need_what_sqlalchemy_installs_only_when_asked_to(tmp_path: Path) -> None:
    code = """
from fastapi_tenancy import TenancyConfig, TenancyManager, Tenant
try:
    TenancyManager(TenancyConfig()).tenant_session(Tenant(id="1", identifier="acme"))
except ImportError as e:
    print(e)
"""
    told = "greenlet is not installed; it comes with pip install 'fastapi-tenancy[fastapi]'"
    assert run(tmp_path, ("greenlet",), code) == told
    code = "try:\n    from fastapi_tenancy import TenantDep\nexcept ImportError as e:\n    print(e)"
    assert run(tmp_path, ("greenlet",), code) == told
