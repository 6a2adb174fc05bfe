"""A scratch place: made for a moment, nobody's, and removed again."""

from __future__ import annotations

import shutil
import tempfile
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from fastapi_tenancy.errors import ConfigurationError, TenancyError
from fastapi_tenancy.isolation.place import place, url_of_file
from fastapi_tenancy.migrations.reference.naming import is_left_over
from fastapi_tenancy.model.scratch import PREFIX
from fastapi_tenancy.model.target import Target


class ScratchError(ConfigurationError):
    """A scratch place could not be made; nothing was changed.

    ``found`` is the text without ``instead``, which is for those who compare models.
    """

    def __init__(self, found: str, instead: str = "") -> None:
        super().__init__(found + instead)
        self.found = found


class NotAllowedError(ScratchError):
    """The role may not make it; another kind of place it may."""


class Scratch(ABC):
    """A place for ``target``, which is what the engine is given."""

    def __init__(self, name: str, target: Target) -> None:
        self.name = name
        self.target = target

    @abstractmethod
    def make(self) -> None:
        """Make it.

        Raises:
            ScratchError: the role may not (NotAllowedError), or the server or the disk refuses it.
            ServerUnreachableError: the server does not take the connection.
        """

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove the place of this name, its own or a left-over; one that is gone is no error.

        Raises:
            TenancyError: it could not be removed.
        """

    @abstractmethod
    def others(self) -> list[str]:
        """The names of the scratch places that are there, in use or left over."""

    def sweep(self) -> None:
        """Remove what was left over by others that were killed, as far as that is possible."""
        for name in self.others():
            if is_left_over(name):
                with suppress(TenancyError):  # another role's, or somebody keeps it locked
                    self.remove(name)


class ScratchFile(Scratch):
    """An SQLite file in a folder of its own, among the temporary files."""

    def __init__(self, name: str, like: Target) -> None:
        self._folder = Path(tempfile.gettempdir()) / name
        url = url_of_file(self._folder / "reference.db")
        super().__init__(name, replace(like, database=place(url), address=url))

    def make(self) -> None:
        try:
            self._folder.mkdir(mode=0o700)
        except OSError as error:
            raise ScratchError(
                f"the scratch folder {self._folder} could not be made: {error.strerror}; the"
                " variable TMPDIR says where temporary files are"
            ) from error

    def remove(self, name: str) -> None:
        shutil.rmtree(self._folder.with_name(name), ignore_errors=True)

    def others(self) -> list[str]:
        return [path.name for path in self._folder.parent.glob(f"{PREFIX}*")]
