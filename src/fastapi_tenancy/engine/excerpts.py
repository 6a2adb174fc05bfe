"""Shows a part of a text that is too long, and that it is one."""

from __future__ import annotations

_BEFORE = 40
"""Characters shown before what matters."""


def excerpt(text: str, most: int, at: int = 0) -> str:
    """Up to ``most`` characters of a text, with those around ``at``; dots stand for the rest."""
    begin = max(0, at - _BEFORE) if at >= most - _BEFORE else 0
    end = begin + most
    return f"{'...' if begin else ''}{text[begin:end]}{'...' if end < len(text) else ''}"
