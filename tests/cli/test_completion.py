"""The shell completes the command: asked by real shells, and in the words that they use."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

BASH = """
eval "$(tenancy --show-completion bash)"
COMP_WORDS=({words}) COMP_CWORD={at}
_tenancy_completion tenancy
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
FISH = "tenancy --show-completion fish | source; complete -C {line!r}"
ASKED = pytest.mark.parametrize(
    ("line", "answers"),
    [
        ("tenancy up", {"upgrade"}),
        ("tenancy tenants im", {"import"}),
        ("tenancy upgrade --dry", {"--dry-run"}),
        ("tenancy -c shop.ini downgrade -1 --conc", {"--concurrency"}),
        ("tenancy upgrade --proof sa", {"sample"}),
        ("tenancy tenants add acme --status su", {"suspended"}),
        ("tenancy --show-completion z", {"zsh"}),
        ("tenancy --ver", {"--version"}),
    ],
)


def run(*words: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a program that finds `tenancy`, in a home of its own."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        words,
        env={**os.environ, "PATH": path, "HOME": str(home), **more},
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@ASKED
def test_bash(tmp_path: Path, line: str, answers: set[str]):
    script = BASH.format(words=line, at=len(line.split()) - 1)
    done = run("bash", "--norc", "-c", script, home=tmp_path)
    assert (set(done.stdout.split()), done.stderr) == (answers, "")


@ASKED
@pytest.mark.skipif(not shutil.which("fish"), reason="there is no fish here")
def test_fish(tmp_path: Path, line: str, answers: set[str]):
    done = run("fish", "--no-config", "-c", FISH.format(line=line), home=tmp_path)
    assert {said.partition("\t")[0] for said in done.stdout.splitlines()} == answers, done


@ASKED
@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_what_zsh_and_fish_ask(tmp_path: Path, shell: str, line: str, answers: set[str]):
    asked = {"_TENANCY_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": line}
    done = run("tenancy", home=tmp_path, _TYPER_COMPLETE_FISH_ACTION="get-args", **asked)
    assert done.returncode == 0
    (answer,) = answers
    shown = done.stdout.replace('"', "").removeprefix("_arguments *: :((").strip()
    assert shown.removeprefix("_arguments '*: :((").startswith(answer), done


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_words_of_click_do_as_well(tmp_path: Path, shell: str):
    shown = run("tenancy", "--show-completion", shell, home=tmp_path)
    sourced = run("tenancy", home=tmp_path, _TENANCY_COMPLETE=f"{shell}_source")
    assert (shown.returncode, sourced.returncode) == (0, 0)
    assert "_TENANCY_COMPLETE=complete_" + shell in shown.stdout
    assert sourced.stdout.strip() == shown.stdout.strip()


def test_without_a_name_it_is_the_shell_that_is_typed_in(tmp_path: Path):
    done = run("bash", "--norc", "-c", "tenancy --show-completion; true", home=tmp_path)
    assert done.stdout == run("tenancy", "--show-completion", "bash", home=tmp_path).stdout


def test_it_is_installed_for_the_shell_that_is_named(tmp_path: Path):
    done = run("tenancy", "--install-completion", "fish", home=tmp_path)
    assert done.returncode == 0
    installed = tmp_path / ".config/fish/completions/tenancy.fish"
    assert (
        installed.read_text() == run("tenancy", "--show-completion", "fish", home=tmp_path).stdout
    )
    assert str(installed) in done.stdout.replace("\n", "")
    assert run("tenancy", "--install-completion", "bash", home=tmp_path).returncode == 0
    done = run("bash", "--norc", "-c", ". ~/.bashrc && complete -p tenancy", home=tmp_path)
    assert "-F _tenancy_completion tenancy" in done.stdout


def test_what_cannot_be_installed_or_shown_is_said(tmp_path: Path):
    (tmp_path / ".config").write_text("no folder")
    done = run("tenancy", "--install-completion", "fish", home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "the completion cannot be installed: " in done.stderr
    assert "`tenancy --show-completion fish` prints it" in done.stderr
    done = run("tenancy", "--show-completion", "tcsh", home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in done.stderr


def test_the_version(tmp_path: Path):
    done = run("tenancy", "--version", home=tmp_path)
    told = f"fastapi-tenancy {version('fastapi-tenancy')}\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, told, "")
