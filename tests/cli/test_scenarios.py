"""The command as people use it, told in files that anyone can read.

In ``scenarios/*.md``, indented lines are what is typed after ``$`` and what is then seen, stdout
and stderr as on a terminal. ``...`` stands for anything within a line, or, alone, for any lines.
``[exit N]`` is the exit code where it is not 0. Everything else is for the reader.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli_desk import Desk

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.md"))
_EXIT = re.compile(r"\[exit (\d+)\]")


@dataclass(frozen=True)
class Step:
    """A command, what is seen then, and its exit code."""

    line: int
    command: str
    seen: tuple[str, ...]
    code: int


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda p: p.stem)
def test_scenario(path: Path, desk: Desk):
    for step in steps(path.read_text(encoding="utf-8")):
        code, seen = carry_out(desk, step.command)
        place = f"{path.name}:{step.line}: $ {step.command}"
        assert matches(step.seen, seen), f"{place}\n{seen}"
        assert code == step.code, f"{place}\nexit {code}\n{seen}"


def test_scenarios_are_there():
    assert len(SCENARIOS) >= 10


def steps(text: str) -> Iterator[Step]:
    """Cut a scenario at its prompts."""
    command, line, seen = "", 0, []
    for number, text_line in enumerate([*text.splitlines(), "    $ "], start=1):
        if not text_line.startswith("    "):
            continue
        shown = text_line[4:]
        if shown.startswith("$ "):
            if command:
                last = _EXIT.fullmatch(seen[-1]) if seen else None
                kept = tuple(seen[:-1] if last else seen)
                yield Step(line, command, kept, int(last[1]) if last else 0)
            command, line, seen = shown[2:], number, []
        else:
            seen.append(shown)


def carry_out(desk: Desk, command: str) -> tuple[int, str]:
    """Run one line: ``tenancy``, ``sql``, or anything a shell knows."""
    word, _, rest = command.partition(" ")
    if word == "tenancy":
        done = desk.run(*shlex.split(rest), merged=True)
        return done.code, done.out
    if word == "sql":
        rows = desk.sql(rest)
        return 0, "".join(" | ".join(map(str, row)) + "\n" for row in rows)
    done = subprocess.run(
        ["bash", "-c", command], cwd=desk.folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def matches(wanted: tuple[str, ...], seen: str) -> bool:
    """True when ``seen`` is what the scenario shows, blanks at the ends of lines apart."""
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "..." else _like(line) + r"[ ]*\n" for line in wanted
    )
    return re.fullmatch(pattern, seen) is not None


def _like(line: str) -> str:
    return ".*".join(re.escape(piece) for piece in line.rstrip().split("..."))
