"""Has Alembic's autogenerate compare row-level security too."""

from __future__ import annotations

from typing import Any

from alembic.autogenerate import comparators
from alembic.util.exc import CommandError

import fastapi_tenancy.isolation.operations
import fastapi_tenancy.migrations.rls.rendering  # noqa: F401 - registers how they are written
from fastapi_tenancy.errors import TenancyError
from fastapi_tenancy.history.identity import current_identity
from fastapi_tenancy.migrations.rls.comparing import compare
from fastapi_tenancy.model.url import masked

try:
    from alembic.util import DispatchPriority
except ImportError:  # before Alembic 1.18 all go in the order in which they were registered
    _LAST: dict[str, Any] = {}
else:
    _LAST = {"priority": DispatchPriority.LAST}


@comparators.dispatch_for("schema", **_LAST)
def _compare(context: Any, upgrade: Any, schemas: Any) -> None:
    try:
        compare(context, upgrade, schemas)
    except TenancyError as error:
        if current_identity() is not None:
            raise
        # Alembic's command prints these as a line, and everything else as a traceback.
        raise CommandError(masked(str(error))) from error
