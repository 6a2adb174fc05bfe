"""Has env.py compare its models over a connection that it is given, wherever it connects itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from alembic.autogenerate import RevisionContext
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from sqlalchemy import Connection

from fastapi_tenancy.errors import ConfigurationError, ScriptError, TenancyError
from fastapi_tenancy.history import ambient
from fastapi_tenancy.history.arguments import config_for, url_for
from fastapi_tenancy.history.capture import Enough, carry_out, env_failed
from fastapi_tenancy.history.identity import Identity
from fastapi_tenancy.history.scripts import History, load_config
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.url import masked

Options = dict[str, Any]
Translate = Mapping[str | None, str | None]
Settle = Callable[[Options, Translate], Options]
"""Makes of env.py's options, and of its ``schema_translate_map``, those of the comparison."""
_WHERE = ("connection", "url", "dialect_name", "dialect_opts")
_ARGUMENTS = ("message", "splice", "branch_label", "version_path", "rev_id", "depends_on")
"""The arguments of ``alembic revision`` that ``alembic check`` leaves empty."""
_SIGNATURE = inspect.signature(EnvironmentContext.configure)


INSTEAD = (
    "`alembic check` and `alembic revision --autogenerate` compare them all, with the databases"
    " that env.py connects to"
)
"""What does what we do not, for an env.py as Alembic's multidb template has it."""


class SeveralDatabasesError(ConfigurationError):
    """env.py compares several databases in one call, and no one place can stand for them."""


@dataclass(frozen=True, slots=True)
class Aim:
    """Where the models are compared, and with which options.

    ``of_branch`` says that the place stands at the head of a branch, and is meant to.
    """

    connection: Connection
    settle: Settle
    of_branch: bool = False


class _Aimed(EnvironmentContext):
    """An EnvironmentContext whose first comparison goes where it is aimed; there is no second."""

    def __init__(self, aim: Aim, config: Config, history: History, **options: Any) -> None:
        super().__init__(config, history.directory, as_sql=False, dont_mutate=True, **options)
        self._aim = aim
        self.compared = False

    def configure(self, *args: Any, **kw: Any) -> None:
        if self.compared:
            raise Enough
        said = _SIGNATURE.bind(self, *args, **kw).arguments
        given = {**said.pop("kw", {}), **said}
        given.pop("self")
        connection = given.get("connection")
        _refuse_several(given)
        translate: Translate = {}
        if connection is not None:
            translate = connection.get_execution_options().get("schema_translate_map") or {}
        options = {k: v for k, v in given.items() if k not in _WHERE}
        super().configure(connection=self._aim.connection, **self._aim.settle(options, translate))

    def run_migrations(self, **kw: Any) -> None:
        self.compared = True
        super().run_migrations(**kw)


def compared(
    history: History, identity: Identity, config: Config, command: dict[str, Any], aim: Aim
) -> RevisionContext:
    """Alembic's own comparison, with the models and the options that env.py gives.

    Args:
        config: what env.py is told of the target.
        command: the arguments of ``alembic revision``.

    Raises:
        ScriptError: env.py ended the process, or compares nothing.
        CommandError: what Alembic refuses.
        Exception: what env.py raised.
    """
    revision = RevisionContext(config, history.directory, command)

    def look(heads: Any, context: MigrationContext) -> list[Any]:
        # Alembic asks for a place at all heads, and looks at them for nothing else.
        revision.run_autogenerate(history.heads if aim.of_branch else heads, context)
        return []

    environment = _Aimed(
        aim,
        config,
        history,
        fn=look,
        template_args=revision.template_args,
        revision_context=revision,
    )
    carry_out(history, environment, identity)
    if not environment.compared:
        raise ScriptError(
            f"{history.directory.env_py_location} never called context.configure() and"
            " context.run_migrations(); the models are compared there"
        )
    return revision


def upgrade_ops(
    history: History, target: Target, aim: Aim, extra: tuple[str, ...] = ()
) -> list[Any]:
    """What a revision would have to do, as Alembic's ``UpgradeOps``; nothing is written.

    Raises:
        ScriptError: env.py failed.
        ConfigurationError: what Alembic refuses.
    """
    plain, identity = load_config(history.ini, history.section), Identity(target)
    config = config_for(plain, identity, extra)
    config.set_main_option("sqlalchemy.url", url_for(plain, target).replace("%", "%%"))
    command = dict.fromkeys(_ARGUMENTS) | {"autogenerate": True, "sql": False, "head": "head"}
    vars(config.cmd_opts).update(command)
    ambient.install()
    try:
        made = compared(history, identity, config, command, aim)
    except TenancyError:
        raise
    except (CommandError, RevisionError) as error:
        text = masked(" ".join(str(error).split())).rstrip(".")
        raise ConfigurationError(f"Alembic refuses: {text}") from error
    except Exception as error:
        raise ScriptError(env_failed(history, error)) from error
    return [ops for script in made.generated_revisions for ops in script.upgrade_ops_list]


def _refuse_several(options: Mapping[str, Any]) -> None:
    """Alembic's multidb template compares several databases in one call of env.py."""
    token = options.get("upgrade_token", "upgrades")
    if token != "upgrades":  # noqa: S105 - the name of a place in the template
        raise SeveralDatabasesError(
            f"env.py writes several databases into one revision (upgrade_token={token!r}), each of"
            f" which has models of its own. {INSTEAD}; or give each database a track of its own,"
            " which is compared with what its migrations make"
        )
