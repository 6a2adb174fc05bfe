"""Every command and option is on the page about commands, and every --help has an example that can be typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.exceptions import TyperException

from fastapi_tenancy.cli.app import app
from fastapi_tenancy.cli.exits import Exit
from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.parameters import Invocation

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
TOP: Any = typer.main.get_command(app)


def _commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        here = f"{path} {name}"
        yield from _commands(command, here) if hasattr(command, "commands") else [(here, command)]


COMMANDS = dict(_commands(TOP, "tenancy"))


def _section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found, f"docs/commands.md has no section {title!r}"
    return found[1]


def _documented(path: str) -> str:
    """The section of a command, with the tables of shared options it says it takes."""
    own = _section(path)
    taken = re.search(r"^It takes the options of (.*?)\.?(?:, and)?$", own, re.MULTILINE)
    shared = re.findall(r"\[([^\]]+)\]\(#", taken[1]) if taken else []
    return own + "".join(_section(title[0].upper() + title[1:]) for title in shared)


def _options(text: str) -> set[str]:
    """The options of the tables in ``text``; a metavar after the option is for the reader."""
    first = re.findall(r"^\| (`-[^|]*) \|", text, re.MULTILINE)
    return {name for cell in first for name in re.findall(r"`(-[\w-]+)", cell)}


def _taken(command: Any) -> set[str]:
    return {n for p in command.params if p.param_type_name == "option" for n in p.opts}


@pytest.mark.parametrize("path", COMMANDS)
def test_the_page_lists_exactly_the_options_of_a_command(path: str):
    assert _options(_documented(path)) == _taken(COMMANDS[path])


@pytest.mark.parametrize("path", COMMANDS)
def test_the_page_shows_the_arguments_of_a_command(path: str):
    for parameter in COMMANDS[path].params:
        if parameter.param_type_name == "argument":
            name = parameter.name.upper()
            shown = name if parameter.required else f"[{name}]"
            assert f"`{path} {shown}`" in _section(path)


@pytest.mark.parametrize("path", COMMANDS)
def test_the_page_has_an_example_of_a_command(path: str):
    if path != "tenancy demo":  # half a minute of its own; it has its own tests
        assert re.search(rf"^\$ {path}\b", _section(path), re.MULTILINE)


def test_the_map_of_the_page_names_every_command():
    head = PAGE.partition("\n## ")[0]
    named = re.findall(r"\(#(tenancy-[\w-]+)\)", head)
    known = [path.replace(" ", "-") for path in COMMANDS if " tenants " not in path]
    assert sorted(named) == sorted([*known, "tenancy-tenants-list"])


def test_options_before_the_command_are_on_the_page():
    section = _section("The project")
    for name in _taken(TOP):
        assert f"`{name}" in section


def test_every_exit_code_is_on_the_page():
    listed = re.findall(r"^\| (\d+) \|", _section("Exit codes"), re.MULTILINE)
    assert [int(code) for code in listed] == [*Exit]


@pytest.mark.parametrize("path", ["tenancy", *COMMANDS])
def test_help_shows_an_example_that_can_be_typed(path: str, capsys: pytest.CaptureFixture[str]):
    from fastapi_tenancy.cli.app import run

    assert run([*path.split()[1:], "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    example = shown.partition("Example: ")[2]
    assert example.startswith(path)
    _require_parsed(shlex.split(example)[1:])


def _require_parsed(arguments: list[str]) -> None:
    command = TOP
    context = TOP.make_context("tenancy", arguments, obj=Invocation(Output(json=False)))
    while hasattr(command, "commands"):
        name, command, rest = command.resolve_command(context, _left(context))
        context = command.make_context(name, rest, parent=context)


def _left(context: Any) -> list[str]:
    return [*context._protected_args, *context.args]


def test_an_example_that_cannot_be_typed_is_noticed():
    with pytest.raises(TyperException):
        _require_parsed(["upgrade", "--frobnicate"])
