"""The demo as a process of its own, with a directory for everything temporary."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from fastapi_tenancy.testing.accounts import open_directories, server_account
from fastapi_tenancy.testing.postgres import URL_VARIABLE

DEMO = "import sys; from fastapi_tenancy.cli.app import main; sys.exit(main())"


@dataclass(frozen=True)
class Playhouse:
    """Where the demo keeps its temporary files, and how it is called."""

    temporary: Path

    def command(self, *arguments: str) -> list[str]:
        """The command line of the demo."""
        return [sys.executable, "-c", DEMO, "demo", *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        """No server is given; settings that mean another project are, and must not count."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("TENANCY_")}
        wrong = {
            "TENANCY_SCHEMA_PREFIX": "nobody_",
            "TENANCY_DATABASE_URL": "postgresql://nobody@/x",
        }
        return {**kept, **wrong, "TMPDIR": str(self.temporary), "PYTHONWARNINGS": "default", **more}

    def run(
        self, arguments: Sequence[str], cwd: Path | None = None, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run any command to its end."""
        return subprocess.run(
            list(arguments),
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd or self.temporary,
            env=self.environment(**more),
            timeout=120,
        )

    def left_behind(self) -> list[str]:
        """Files, and processes that name the directory of temporary files.

        A copy of the wheel's programs is made once for all later runs, and is meant to stay.
        """
        files = [
            p.name for p in self.temporary.iterdir() if not p.name.startswith("tenancy-postgres-")
        ]
        listed = subprocess.run(
            ["ps", "-A", "-o", "args"], capture_output=True, text=True, check=True
        )
        own = str(self.temporary)
        return files + [line for line in listed.stdout.splitlines() if own in line]


@pytest.fixture
def playhouse(monkeypatch: pytest.MonkeyPatch) -> Iterator[Playhouse]:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    place = Path(tempfile.mkdtemp(prefix="demo-", dir=open_directories(server_account())[0]))
    place.chmod(0o711)
    yield Playhouse(place)
    shutil.rmtree(place)


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Wait for a condition that another process brings about."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, "it did not come about within 60 seconds"
            time.sleep(0.02)

    return wait
