"""Does what a page says, in an empty folder, with a database of its own."""

from __future__ import annotations

import ast
import asyncio
import configparser
import contextlib
import inspect
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any, get_origin

import psycopg
import pytest

from cli_process import Shell
from docs_console import agrees, commands
from docs_pages import ROOT, Block
from docs_serving import Served
from docs_yaml import commands_in
from fastapi_tenancy.model.url import with_database

SHOP = Path(__file__).with_name("shop")
EXAMPLE = "//app:secret@localhost/shop"
"""The one address that pages use; here it becomes that of the test's own database."""
SECOND = "shop_us"
"""A database beside it."""
_STATUS = "echo $?"
"""A command that ends with another exit code than 0 is followed by this one."""
_PLAIN = re.compile(r"tenancy( [^|&;<>$`*?~#\n\\]+)?")
"""A command that no shell has to read."""
_EXTRAS = re.compile(
    r"""pip install (?:-e )?["']?(?:fastapi-tenancy|\.)(?:\[(?P<extras>[^\]]*)\])?["']?"""
)


class Reader:
    """Somebody who types in everything a page shows, from its top to its end."""

    def __init__(self, folder: Path, url: str, environ: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._quick = Shell(folder)
        self._url = url
        self._environ = environ
        self._names: dict[str, Any] = {"__name__": "page"}
        self._printed = ""
        self._loop = asyncio.Runner()
        self._served: Served | None = None

    def close(self) -> None:
        """Close what the page left open."""
        if self._served is not None:
            self._served.close()
        for value in self._names.values():
            close = getattr(value, "close", None)
            made = not inspect.isclass(value) and get_origin(value) is None
            if inspect.iscoroutinefunction(close) and made:
                self._loop.run(close())
        self._loop.close()

    def do(self, block: Block) -> None:
        """Do what one block says; it fails unless everything comes out as shown."""
        if block.mark in ("not run:", "drawing"):
            return
        if block.mark in ("file:", "append:"):
            self._write(block)
        elif block.kind == "needs:":
            pytest.importorskip(block.text)
        elif block.kind == "serve:":
            self._served = Served(block.text, self._folder)
        elif block.mark == "output":
            shown = tuple(block.text.splitlines())
            assert agrees(shown, self._printed), _differs(block, "python", self._printed)
        else:
            getattr(self, f"_{block.kind}")(block)

    def _write(self, block: Block) -> None:
        path = self._folder / block.about
        path.parent.mkdir(parents=True, exist_ok=True)
        # A percent sign stands for something in an ini file.
        address = self._address.replace("%", "%%") if path.suffix == ".ini" else self._address
        before = path.read_text() if block.mark == "append:" else ""
        path.write_text(before + block.text.replace(EXAMPLE, address))
        if path.suffix == ".py":
            compile(path.read_text(), block.place, "exec")

    @property
    def _address(self) -> str:
        return self._url.removeprefix("postgresql:")

    def _own(self, text: str) -> str:
        beside = str(with_database(self._url, SECOND)).removeprefix("postgresql:")
        own = text.replace(f"//app:secret@localhost/{SECOND}", beside)
        own = own.replace(EXAMPLE, self._address)
        return self._served.here(own) if self._served else own

    def _python(self, block: Block) -> None:
        source = "\n" * block.line + self._own(block.text)
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code = compile(source, block.page, "exec", flags=flags, dont_inherit=True)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            found = eval(code, self._names)
            if inspect.iscoroutine(found):
                self._loop.run(found)
        self._printed = printed.getvalue()

    def _bash(self, block: Block) -> None:
        for line in block.text.replace("\\\n", "").splitlines():
            command = line.partition(" #")[0].strip()
            if command and not _only_checked(command):
                status, printed = self._shell(command)
                assert status == 0, _differs(block, command, printed)

    _run = _bash

    def _console(self, block: Block) -> None:
        status = 0
        typed = list(commands(block.text))
        for one, after in zip(typed, [*typed[1:], None], strict=True):
            if one.command == _STATUS:
                printed = f"{status}\n"
            else:
                status, printed = self._shell(one.command)
                expected = after is not None and after.command == _STATUS
                assert status == 0 or expected, _differs(block, one.command, printed)
            assert agrees(one.shown, printed), _differs(block, one.command, printed)

    def _shell(self, command: str) -> tuple[int, str]:
        if command.startswith("export "):
            name, _, value = command.removeprefix("export ").partition("=")
            self._environ.setenv(name, self._own(value.strip("\"'")))
            return 0, ""
        if _PLAIN.fullmatch(command):
            # Needs no shell: most commands, and without starting Python for each they are quick.
            self._quick.environment = dict(os.environ)
            ended = self._quick.run(*shlex.split(self._own(command))[1:], merged=True)
            return ended.code, ended.out
        done = subprocess.run(
            ["bash", "-c", self._own(command)],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        )
        printed = self._served.there(done.stdout) if self._served else done.stdout
        return done.returncode, printed

    def _sql(self, block: Block) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(block.text.encode())

    def _tidy(self, block: Block) -> None:
        (self._run if block.text.startswith("rm ") else self._sql)(block)

    def _shop(self, _block: Block) -> None:
        shutil.copytree(SHOP, self._folder, dirs_exist_ok=True)
        ini = self._folder / "alembic.ini"
        ini.write_text(ini.read_text().replace(EXAMPLE, self._address.replace("%", "%%")))

    def _toml(self, block: Block) -> None:
        from fastapi_tenancy import TenancyConfig

        text = self._own(block.text)
        name = "pyproject.toml" if "tool" in tomllib.loads(text) else "tenancy.toml"
        with tempfile.TemporaryDirectory() as elsewhere, contextlib.chdir(elsewhere):
            Path(name).write_text(text)
            assert TenancyConfig().model_fields_set, block.place

    def _ini(self, block: Block) -> None:
        configparser.ConfigParser(interpolation=None).read_string(block.text)

    def _yaml(self, block: Block) -> None:
        for command in commands_in(block.text):
            if not _only_checked(command):
                status, printed = self._shell(command)
                assert status == 0, _differs(block, command, printed)

    def _json(self, block: Block) -> None:
        json.loads(block.text)


def _only_checked(command: str) -> bool:
    """Installing needs a network and `make` a clone: here it is checked that they name what exists."""
    installed = _EXTRAS.match(command)
    if installed:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        extras = set(filter(None, (installed["extras"] or "").split(",")))
        assert extras <= project["optional-dependencies"].keys(), command
        return True
    if command.startswith("make "):
        assert re.search(
            rf"^{command.split()[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE
        ), command
        return True
    return False


def _differs(block: Block, what: str, printed: str) -> str:
    return f"{block.place}: {what}\nprinted:\n{printed}"
