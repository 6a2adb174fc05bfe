"""Revision modules executed fresh: `upgrade()` may work only once per import."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from alembic.script import Script
from alembic.util import load_python_file


class ModuleSource:
    """Compiles each revision file once and executes it anew on every request."""

    def __init__(self) -> None:
        self._code: dict[str, CodeType] = {}

    def fresh(self, script: Script) -> ModuleType:
        """Return a new module of this revision, its top level just executed."""
        path = Path(script.path)
        if path.suffix != ".py" or not path.exists():
            return load_python_file(path.parent, path.name)
        code = self._code.get(script.path)
        if code is None:
            code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
            self._code[script.path] = code
        spec = importlib.util.spec_from_file_location(script.module.__name__, path)
        assert spec is not None  # noqa: S101 - a .py path always has a spec
        module = importlib.util.module_from_spec(spec)
        exec(code, module.__dict__)  # noqa: S102 - this is how Python loads a module
        return module

    def function(self, script: Script, *, upgrade: bool) -> Any:
        """Return ``upgrade`` or ``downgrade`` of a fresh module."""
        return getattr(self.fresh(script), "upgrade" if upgrade else "downgrade")
