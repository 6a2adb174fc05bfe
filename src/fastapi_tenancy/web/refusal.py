"""A request that is not served: the reason goes to the log, and little to the client."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi_tenancy.errors import TenantRefusedError, UnavailableError
from fastapi_tenancy.web.answer import Answer, answer_to

_log = logging.getLogger("fastapi_tenancy")


def refused(
    scope: Mapping[str, Any], error: TenantRefusedError | UnavailableError, refused_status: int
) -> Answer:
    """Write into the log why a request is not served, and return what the client is told."""
    _log.warning("%s %r refused: %s", scope.get("method", "WebSocket"), scope["path"], error)
    return answer_to(error, refused_status)
