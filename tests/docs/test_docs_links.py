"""Links lead somewhere, and pages say nothing that only the workshop could understand."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from docs_pages import DOCS, ROOT, pages

_WORKSHOP = (
    re.compile(r"/work/|/root/|/home/|/tmp/(?!$)", re.IGNORECASE),
    re.compile(r"(?<![\w&])#\d+\b|\bissue \d+", re.IGNORECASE),
    re.compile(r"\b(?:session|agent|assistant|prompt) \d+\b", re.IGNORECASE),
    re.compile(r"\b(?:TODO|FIXME|XXX|TBD)\b"),
)
_BESIDE = re.compile(r"[^\w\- ]")


def _tokens(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8"))


def _links(page: Path) -> list[str]:
    return [
        str(child.attrs["href"])
        for token in _tokens(page)
        for child in token.children or []
        if child.type == "link_open"
    ]


def _anchors(page: Path) -> set[str]:
    tokens = _tokens(page)
    titles = [after.content for t, after in itertools.pairwise(tokens) if t.type == "heading_open"]
    return {_BESIDE.sub("", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", pages(), ids=lambda p: str(p.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path):
    for link in _links(page):
        if link.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {link}"
        assert not anchor or anchor in _anchors(target), f"{page.name} links to {link}"


def test_every_page_can_be_found_from_the_map():
    listed = {(DOCS / link.partition("#")[0]).resolve() for link in _links(DOCS / "index.md")}
    wanted = {p for p in DOCS.glob("*.md") if p.name != "index.md"}
    assert wanted <= listed


def test_every_decision_is_listed():
    folder = DOCS / "decisions"
    records = {p.name for p in folder.glob("*.md") if p.name != "README.md"}
    assert records == set(_links(folder / "README.md"))


@pytest.mark.parametrize("page", pages(), ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_of_the_workshop_is_on_a_page(page: Path):
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        for pattern in _WORKSHOP:
            assert not pattern.search(line), f"{page.name}:{number}: {line}"
