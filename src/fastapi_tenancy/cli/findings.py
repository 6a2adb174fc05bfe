"""Findings for people: a table on a terminal, and lines in a file, a pipe or the log of CI."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.tables import table
from fastapi_tenancy.cli.words import visible


@dataclass(frozen=True, slots=True)
class Told:
    """A finding: a first word with its colour, what it is about, what was found, what to do."""

    word: str
    about: Sequence[str]
    found: str
    do: str
    colour: str = ""


def show_findings(output: Output, columns: Sequence[str], findings: Iterable[Told]) -> None:
    """Print findings.

    A table folds its cells to the width of a terminal. Elsewhere there is no such width: columns
    as wide as the longest text would put the last one out of sight.

    Args:
        columns: the names of those of ``word`` and ``about``.
    """
    kept = list(findings)
    if kept and output.out.file.isatty():
        rows = ((Text(f.word, f.colour), *f.about, f.found, f.do) for f in kept)
        output.out.print(table((*columns, "found", "what to do"), rows))
        return
    for line in _lines(kept):
        output.out.print(line, soft_wrap=True)


def _lines(findings: list[Told]) -> Iterator[Text]:
    width = max((len(f.word) for f in findings), default=0)
    for finding in findings:
        about = ", ".join(filter(None, finding.about))
        found = visible(f"{about}: {finding.found}", lines=False)
        yield Text.assemble((finding.word.ljust(width), finding.colour), f"  {found}")
        if finding.do:
            yield Text(" " * (width + 2) + visible(finding.do, lines=False))
