"""The OpenAPI description says what the router does: schemathesis finds no fault in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from operators import SIGNED_IN, TOKEN

from servers import served
from shelf import Shelf

SETTINGS = """
[parameters]
"path.tenant" = "acme"

[[operations]]
include-method = "DELETE"
parameters = { "path.tenant" = "crux" }
"""
"""Names that are there, so that more than 404 is seen."""


@pytest.mark.slow
def test_schemathesis_finds_no_fault(app: FastAPI, shelf: Shelf, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "schemathesis.toml").write_text(SETTINGS)
    with served(app) as url:
        with httpx.Client(base_url=url, headers=SIGNED_IN, timeout=60) as http:
            for identifier in ("acme", "crux"):
                made = http.post("/admin/tenants", json={"identifier": identifier})
                assert made.status_code == 201, made.text
        done = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"),
                "run",
                f"{url}/openapi.json",
                f"--header=Authorization: Bearer {TOKEN}",
                "--checks=all",
                # The names in SETTINGS take the place of the one that was just created.
                "--exclude-checks=ensure_resource_availability",
                "--max-examples=5",
                "--generation-deterministic",
                "--continue-on-failure",
                "--no-color",
            ],
            cwd=elsewhere,
            env={**os.environ, "COLUMNS": "120"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
