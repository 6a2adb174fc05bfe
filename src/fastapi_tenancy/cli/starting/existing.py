"""A look at an Alembic project that is there: its env.py, and what works as it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alembic.script import ScriptDirectory
from alembic.util import CommandError

from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.history.scripts import load_config
from fastapi_tenancy.history.shape import EnvKind, EnvShape, shape_of
from fastapi_tenancy.model.url import masked

WHAT = {
    EnvKind.HELPER: "calls run_migrations() of fastapi_tenancy",
    EnvKind.LOOP: "goes through schemas or databases itself",
    EnvKind.X_ARGUMENTS: "asks `alembic -x` whose turn it is",
    EnvKind.ATTRIBUTES: "asks config.attributes whose turn it is",
    EnvKind.PLAIN: "connects to one database and does not ask whose turn it is",
}
_WORKS = {
    EnvKind.HELPER: "all of `tenancy`, and plain `alembic -x tenant=IDENTIFIER ...`",
    EnvKind.LOOP: "`tenancy upgrade` and the other fleet commands: the engine takes the options"
    " env.py passes for each place, and goes there itself",
    EnvKind.X_ARGUMENTS: "all of `tenancy`: env.py is given tenant=, schema= and url=; plain"
    " `alembic -x ...` as before",
    EnvKind.ATTRIBUTES: "all of `tenancy`: env.py is given tenant, tenant_id, schema and url",
    EnvKind.PLAIN: "`tenancy upgrade` and the other fleet commands: the engine connects itself and"
    " takes the options env.py passes to context.configure()",
}
LACKS = {
    EnvKind.LOOP: "plain `alembic` for one tenant, and --autogenerate against one",
    EnvKind.ATTRIBUTES: "plain `alembic -x tenant=IDENTIFIER`, which has no config.attributes",
    EnvKind.PLAIN: "plain `alembic` for one tenant, and --autogenerate against one: both need an"
    " env.py that asks",
}
HELP = (
    "env.py stays as it is. With these two lines in place of its own connecting, plain `alembic -x"
    " tenant=IDENTIFIER` works as well:"
)
LINES = (
    "from fastapi_tenancy.migrations.env import run_migrations",
    "run_migrations(target_metadata=...)",
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a project is like; ``url`` is its sqlalchemy.url, if somebody has filled that in."""

    ini: Path
    shape: EnvShape
    url: str | None

    @property
    def described(self) -> str:
        """What its env.py does, and where that is seen."""
        shape = self.shape
        line = f", line {shape.line}" if shape.line else ""
        kind = " (asynchronous)" if shape.asynchronous else ""
        return f"{shape.path}{line}: {WHAT[shape.kind]}{kind}"

    @property
    def works(self) -> str:
        """What can be used without a change."""
        return _WORKS[self.shape.kind]

    @property
    def lacks(self) -> str | None:
        """What cannot."""
        return LACKS.get(self.shape.kind)


def look_at(ini: Path, section: str) -> Found:
    """Read a project; none of its code is run.

    Raises:
        ConfigurationError: its configuration, script directory or env.py cannot be used.
    """
    config = load_config(ini, section)
    try:
        directory = ScriptDirectory.from_config(config)
    except CommandError as error:
        raise ConfigurationError(f"{ini}: {masked(str(error))}. Nothing was changed") from error
    url = config.get_alembic_option("sqlalchemy.url")
    return Found(
        ini,
        shape_of(Path(directory.env_py_location)),
        url if url and not url.startswith("driver:") else None,
    )
