"""The pages of the documentation, cut into what a reader would type and what is done unseen.

An HTML comment before a block says what the page itself does not:

``<!-- file: PATH -->``   the next block is the content of that file of the project
``<!-- append: PATH -->`` the next block is put at the end of that file
``<!-- output -->``       the next block is what the python block before it printed
``<!-- drawing -->``      the next block is for the eye only
``<!-- not run: WHY -->`` the next block is not run
``<!-- run ... -->``      commands run unseen, one a line
``<!-- sql ... -->``      SQL run unseen
``<!-- tidy ... -->``     the same, ``rm`` or ``DROP``, that only a test needs: the reader is elsewhere by then
``<!-- needs: MODULE -->`` what follows is done where that module can be imported
``<!-- serve: APP -->``   this application of the folder is served on port 8000 from here on
``<!-- shop -->``         the example project is put into the folder
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_COMMENT = re.compile(
    r"<!--\s*(?P<word>file:|append:|output|drawing|not run:|needs:|serve:|run|sql|tidy|shop)\s*(?P<rest>.*?)-->",
    re.DOTALL,
)
_FOR_NEXT = ("file:", "append:", "output", "drawing", "not run:")


@dataclass(frozen=True)
class Block:
    """Something to do: ``kind`` is a language, or the word of a comment that stands alone."""

    page: str
    line: int
    kind: str
    text: str
    mark: str = ""
    about: str = ""

    @property
    def place(self) -> str:
        """Where a person finds it."""
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Every page of the documentation that readers come to."""
    top = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
    return [*top, *sorted(DOCS.rglob("*.md"))]


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page in their order, unseen ones included."""
    name = str(page.relative_to(ROOT))
    pending: tuple[str, str] | None = None
    for token in MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8")):
        line = token.map[0] + 1 if token.map else 0
        if token.type == "html_block":
            for word, rest in _comments(token.content):
                assert pending is None, f"{name}:{line}: no block follows <!-- {pending} -->"
                if word in _FOR_NEXT:
                    pending = (word, rest)
                else:
                    yield Block(name, line, word, rest)
        elif token.type in ("fence", "code_block"):
            mark, about = pending or ("", "")
            pending = None
            yield Block(name, line, token.info.strip() or "nothing", token.content, mark, about)
    assert pending is None, f"{name}: no block follows <!-- {pending} -->"


def _comments(html: str) -> Iterator[tuple[str, str]]:
    for found in _COMMENT.finditer(html):
        yield found["word"], found["rest"].strip()
