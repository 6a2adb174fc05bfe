"""Who types what a page shows, and nothing else, gets to what it shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs_pages import DOCS, ROOT, blocks
from docs_runner import SHOP

WHOLE = [
    ROOT / "README.md",
    *(
        DOCS / f"{name}.md"
        for name in (
            "quickstart",
            "shop",
            "splitting",
            "tracks",
            "sessions",
            "rls",
            "revisions",
            "admin",
            "fastapi",
            "startup",
            "strategies",
            "testing",
            "shards",
            "drift",
            "creating",
        )
    ),
]
PARAMETERS = pytest.mark.parametrize("page", WHOLE, ids=lambda p: p.stem)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


@PARAMETERS
def test_no_needed_step_is_hidden(page: Path):
    for block in blocks(page):
        if block.kind == "tidy":
            steps = re.split(r"[;\n]\s*", block.text.rstrip(";"))
            assert all(step.startswith(("rm ", "DROP ")) for step in filter(None, steps)), (
                block.place
            )
    hidden = re.findall(r"<!--\s*(?:run|sql)\b", page.read_text(encoding="utf-8"))
    assert not hidden, f"{page.name}: {hidden}"


@PARAMETERS
def test_files_are_named_where_they_are_shown(page: Path):
    lines = page.read_text(encoding="utf-8").splitlines()
    for block in blocks(page):
        if block.mark not in ("file:", "append:"):
            continue
        before = "\n".join(lines[: block.line])
        seen = _COMMENT.sub("", before)
        paragraph = seen.rstrip().removesuffix(f"```{block.kind}").rstrip().rpartition("\n\n")[2]
        assert f"`{block.about}`" in paragraph, f"{block.place}: {block.about}"


@PARAMETERS
def test_who_needs_the_shop_is_led_there(page: Path):
    if page.stem != "shop" and any(b.kind == "shop" for b in blocks(page)):
        assert re.search(r"\]\((?:docs/)?shop\.md\)", page.read_text(encoding="utf-8"))


def test_the_shop_on_its_page_is_the_one_that_pages_go_on_with():
    shown = {b.about: b.text for b in blocks(DOCS / "shop.md") if b.mark == "file:"}
    there = {
        str(path.relative_to(SHOP)): path.read_text(encoding="utf-8")
        for path in SHOP.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert shown == there


@PARAMETERS
def test_who_may_wait_at_the_top_is_told_where(page: Path):
    outside = re.compile(r"^(?:await |async with |async for |\w+ = await )", re.MULTILINE)
    if any(b.kind == "python" and outside.search(b.text) for b in blocks(page) if not b.mark):
        assert "shop.md#python-with-await" in page.read_text(encoding="utf-8")
