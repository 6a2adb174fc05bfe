"""The example application does what its README says, started as a newcomer starts it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs_console import agrees, commands

SAAS = Path(__file__).parents[2] / "examples" / "saas"
TOKEN = "a-token-for-the-test"
PATIENCE_S = 90


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, because its README changes models and writes revisions."""
    copy = tmp_path_factory.mktemp("example") / "saas"
    ignored = shutil.ignore_patterns("__pycache__", "htmlcov", ".coverage*")
    return Path(shutil.copytree(SAAS, copy, ignore=ignored))


@pytest.fixture(scope="module")
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def environment(port: int) -> dict[str, str]:
    """What a shell in the folder of the example has, and nothing of the test's own database."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TENANCY_", "PYTEST_"))}
    python = Path(sys.executable).parent
    return {
        **kept,
        "PATH": f"{python}{os.pathsep}{kept['PATH']}",
        "PORT": str(port),
        "SAAS_ADMIN_TOKEN": TOKEN,
    }


@pytest.fixture(scope="module")
def served(environment: dict[str, str], folder: Path) -> Iterator[str]:
    """The example, running; what it printed until it served."""
    told = folder.parent / "told.txt"
    with told.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "saas"], cwd=folder, env=environment, stdout=out, stderr=out
        )
    try:
        _wait(process, told, int(environment["PORT"]))
        yield told.read_text()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) in (0, -signal.SIGINT, 130), told.read_text()
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], told: Path, port: int) -> None:
    for _ in range(PATIENCE_S * 20):
        assert process.poll() is None, told.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        else:
            return
    raise AssertionError(f"it does not answer: {told.read_text()}")


def consoles(page: Path) -> Iterator[str]:
    """The blocks of a page that show a shell."""
    yield from re.findall(r"^```console\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def test_it_says_what_it_started(served: str, environment: dict[str, str]):
    assert f"http://acme.localhost:{environment['PORT']}/books stands at 8a4be7c90f61" in served
    assert TOKEN in served
    assert "Traceback" not in served


def test_the_readme_is_true(served: str, environment: dict[str, str], folder: Path):
    port = environment["PORT"]
    url, wrong = _url(served), []
    for block in consoles(folder / "README.md"):
        for one in commands(block):
            done = subprocess.run(
                one.command.replace(":8000", f":{port}"),
                shell=True,
                cwd=folder,
                env={**environment, "TENANCY_DATABASE_URL": url},
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
            printed = (done.stdout + done.stderr).replace(f":{port}", ":8000")
            if not agrees(one.shown, printed):
                wrong.append(f"{one.command}\n{printed}")
    assert not wrong, "\n".join(wrong)


def _url(served: str) -> str:
    found = re.search(r"^  (postgresql://\S+)$", served, re.MULTILINE)
    assert found, served
    return found[1]


def _refused(environment: dict[str, str], folder: Path, port: str) -> str:
    """What it says when it does not start."""
    done = subprocess.run(
        [sys.executable, "-m", "saas"],
        cwd=folder,
        env={**environment, "PORT": port},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 1
    assert not done.stdout  # no links that lead to somebody else
    return done.stderr


@pytest.mark.parametrize("asked", ["foo", "0", "65536", "-1"])
def test_a_port_that_is_none_is_refused(environment: dict[str, str], folder: Path, asked: str):
    told = _refused(environment, folder, asked)
    assert told == f"error: PORT is {asked!r}; expected a number from 1 to 65535, such as 8001\n"


def test_a_port_that_is_in_use_is_told_before_anything_else(
    environment: dict[str, str], folder: Path
):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = str(other.getsockname()[1])
        told = _refused(environment, folder, taken)
    assert f"error: port {taken} cannot be used: " in told
    assert "PORT=8001 make example" in told
    assert "Traceback" not in told
