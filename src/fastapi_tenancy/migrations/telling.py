"""Tells the log what a run warns of, where nobody watches the run."""

from __future__ import annotations

import logging

from fastapi_tenancy.model.event import Event, Warned

_log = logging.getLogger("fastapi_tenancy")


def log_warnings(event: Event) -> None:
    """Listen to a run, and pass on what a person should know of it."""
    if isinstance(event, Warned):
        _log.warning("%s", event.message)
