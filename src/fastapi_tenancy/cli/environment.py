"""Looks for environment variables that were meant to be settings and are none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from difflib import get_close_matches

PREFIX = "TENANCY_"
OTHERS = ("TENANCY_PG_BIN", "TENANCY_TEST_DATABASE_URL", "TENANCY_TEST_HISTORIES")
"""Variables of this project that are no settings."""
_ALIKE = 0.76
"""Below this a name is somebody's own and no misspelling: TENANCY_DATABASE_URL_STAGING."""


def misspelt() -> Iterator[str]:
    """A warning for each variable whose name is almost that of a setting."""
    from fastapi_tenancy.config import TenancyConfig

    known = {*(PREFIX + name.upper() for name in TenancyConfig.model_fields), *OTHERS}
    for name in sorted(os.environ):
        upper = name.upper()  # a setting is found in any case
        if not upper.startswith(PREFIX) or upper in known or not os.environ[name]:
            continue
        meant = {other.removeprefix(PREFIX): other for other in known}
        near = get_close_matches(upper.removeprefix(PREFIX), sorted(meant), n=1, cutoff=_ALIKE)
        if near:
            yield (
                f"the environment variable {name} is not a setting of tenancy and has no effect;"
                f" did you mean {meant[near[0]]}?"
            )
