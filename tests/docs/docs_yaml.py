"""The commands that a YAML document has somebody run: steps of a workflow, containers of a pod."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import yaml


def commands_in(text: str) -> list[str]:
    """Every command of every document, in the order in which they are written."""
    return [command for document in yaml.safe_load_all(text) for command in _of(document)]


def _of(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _of(item)
    if not isinstance(node, dict):
        return
    if isinstance(node.get("run"), str):
        yield from (line for line in node["run"].splitlines() if line.strip())
    if isinstance(node.get("command"), list):
        yield shlex.join([*node["command"], *node.get("args", [])])
    for value in node.values():
        yield from _of(value)
