"""What kind of env.py a project has, told from its text: it is not run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from fastapi_tenancy.errors import ConfigurationError, ScriptError

_HELPER = "fastapi_tenancy.migrations.env"
_ALEMBIC = ("configure", "run_migrations")
_ASYNC = ("create_async_engine", "async_engine_from_config")


class EnvKind(StrEnum):
    """How env.py finds out whose turn it is."""

    HELPER = "helper"
    """It calls ``run_migrations()`` of this package."""
    LOOP = "loop"
    """It goes through schemas or databases by itself."""
    X_ARGUMENTS = "x-arguments"
    """It asks what stands after ``-x``."""
    ATTRIBUTES = "config.attributes"
    """It asks ``config.attributes``."""
    PLAIN = "none"
    """It does not ask: it connects to one database, as `alembic init` writes it."""


@dataclass(frozen=True, slots=True)
class EnvShape:
    """The kind of an env.py, where that is seen, and whether it connects asynchronously."""

    path: Path
    kind: EnvKind
    line: int | None
    asynchronous: bool


def shape_of(path: Path) -> EnvShape:
    """Read an env.py.

    Raises:
        ConfigurationError: there is none, or it cannot be read.
        ScriptError: it is not Python.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        where = f"{path}, line {line}" if line else str(path)
        raise ScriptError(f"{where} is not Python: {getattr(error, 'msg', error)}") from error
    asynchronous = any(_name(node) in _ASYNC for node in ast.walk(tree))
    for kind, found in (
        (EnvKind.HELPER, _helper(tree)),
        (EnvKind.LOOP, _loop(tree)),
        (EnvKind.X_ARGUMENTS, _mentions(tree, "get_x_argument")),
        (EnvKind.ATTRIBUTES, _mentions(tree, "attributes")),
    ):
        if found is not None:
            return EnvShape(path, kind, found, asynchronous)
    return EnvShape(path, EnvKind.PLAIN, None, asynchronous)


def _helper(tree: ast.Module) -> int | None:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_HELPER):
            return node.lineno
        if isinstance(node, ast.Import) and any(a.name.startswith(_HELPER) for a in node.names):
            return node.lineno
    return None


def _loop(tree: ast.Module) -> int | None:
    """A loop in which Alembic is set up, there or in functions of this file named there."""
    functions = {
        node.name: node
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    for node in ast.walk(tree):
        if isinstance(node, (ast.For, ast.AsyncFor, ast.While)) and _sets_up(
            node, functions, set()
        ):
            return node.lineno
    return None


def _sets_up(node: ast.AST, functions: Mapping[str, ast.AST], seen: set[str]) -> bool:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and inner.attr in _ALEMBIC:
            return True
    for name in set(_names(node)) & functions.keys() - seen:
        seen.add(name)
        if _sets_up(functions[name], functions, seen):
            return True
    return False


def _names(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            yield inner.id


def _mentions(tree: ast.Module, attribute: str) -> int | None:
    lines = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == attribute
    ]
    return min(lines, default=None)


def _name(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else None
