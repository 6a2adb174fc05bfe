"""A console block: commands after ``$``, and under each what it prints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TIME = re.compile(r"\b\d+(?:\.\d+)? ?(ms|s|/s)(?![\w/])|\b\d+:\d\d(?::\d\d)?\b")
_RUN_ID = re.compile(r"\b[0-9a-f]{32}\b")


@dataclass(frozen=True)
class Typed:
    """One command and the lines a page shows under it; ``...`` stands for anything."""

    command: str
    shown: tuple[str, ...]


def commands(text: str) -> Iterator[Typed]:
    """Cut a console block at its prompts."""
    command, shown = "", []
    for line in text.splitlines():
        if line.startswith("$ "):
            if command:
                yield Typed(command, tuple(shown))
            command, shown = line[2:], []
        elif command.endswith("\\"):
            command = command[:-1] + line.removeprefix("> ").strip()
        else:
            assert command, f"a console block begins with '$ ', not with {line!r}"
            shown.append(line)
    if command:
        yield Typed(command, tuple(shown))


def agrees(shown: tuple[str, ...], printed: str) -> bool:
    """True when ``printed`` is what a page shows; times and run ids may differ."""
    lines = [_plain(line) for line in printed.splitlines() if line.strip()]
    wanted = [_plain(line) for line in shown if line.strip()]
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "..." else _any_of(line) + r"\n" for line in wanted
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)) is not None


def _any_of(line: str) -> str:
    return ".*".join(re.escape(piece) for piece in line.split("..."))


def _plain(line: str) -> str:
    line = _RUN_ID.sub("RUN", _TIME.sub(r"TIME", line))
    return re.sub(r"[ ─━]{2,}", "  ", line).rstrip()
