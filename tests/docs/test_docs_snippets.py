"""Everything the documentation shows is done, in its order, and comes out as shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs_pages import ROOT, blocks, pages
from docs_runner import Reader

BLOCKS = ("python", "bash", "console", "sql", "toml", "ini", "json", "yaml")
RUN = (*BLOCKS, "shop", "run", "tidy", "needs:", "serve:")
NOT_RUN: dict[str, str] = {}
"""Blocks that cannot be run, by page, with the reason the page gives. Keep it short."""

PAGES = [p for p in pages() if any(b.kind in RUN for b in blocks(p))]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_page_does_what_it_says(page: Path, reader: Reader):
    for block in blocks(page):
        reader.do(block)


@pytest.mark.parametrize("page", pages(), ids=lambda p: str(p.relative_to(ROOT)))
def test_every_block_is_of_a_kind_that_is_run(page: Path):
    for block in blocks(page):
        if block.mark == "not run:":
            assert NOT_RUN.get(block.page) == block.about, block.place
        elif block.mark in ("output", "drawing"):
            assert block.kind == "text", block.place
        elif block.mark not in ("file:", "append:"):
            assert block.kind in RUN, (
                f"{block.place}: a block of {block.kind} is neither run nor marked"
            )


def test_nothing_is_excused_that_is_not_there():
    excused = {b.page: b.about for p in pages() for b in blocks(p) if b.mark == "not run:"}
    assert excused == NOT_RUN
