"""What `alembic` shows while it works."""

from __future__ import annotations

from logging.config import fileConfig

from alembic.config import Config


def show_progress(config: Config) -> None:
    """Log as the ini file says, where a person typed `alembic`.

    Whoever calls ``alembic.command`` from a program has logging of its own.
    """
    typed = getattr(config.cmd_opts, "cmd", None) is not None
    if typed and config.config_file_name and config.file_config.has_section("loggers"):
        fileConfig(config.config_file_name, disable_existing_loggers=False)
