"""Servers side by side: what is done on one of them neither waits for another nor falls with it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import psycopg

from fastapi_tenancy.engine.brief import Brief
from fastapi_tenancy.engine.site import Site
from fastapi_tenancy.errors import BudgetError, ServerUnreachableError
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.url import masked
from fastapi_tenancy.observe.silence import is_silent

T = TypeVar("T")

SERVERS_AT_ONCE = 64
"""Servers that are worked on at the same time; each has ``concurrency`` connections."""
LOST = (ServerUnreachableError, BudgetError, psycopg.OperationalError)
"""Errors that concern one server and say nothing about another."""


@dataclass(frozen=True, slots=True)
class Group:
    """Targets of one server that are worked on together."""

    site: Site
    targets: list[Target]


@dataclass(frozen=True, slots=True)
class Lane:
    """What is done one after the other, because one server does it; files are a lane too."""

    brief: Brief
    groups: tuple[Group, ...]


Work = Callable[[Lane, Group], T]
Lost = Callable[[Lane, Group, str], T]
"""The answer for targets of a server that cannot be worked on, with the cause in words."""


def in_lanes(
    lanes: list[Lane], work: Work[T], lost: Lost[T], *, forgiving: bool = False
) -> list[T]:
    """The answers for all groups, lane by lane.

    Where there is only one server, what concerns it concerns the whole request.

    Args:
        forgiving: take even the only server for one of several: others were worked on before.

    Raises:
        Exception: what ``work`` raised that does not concern one server alone; or anything at all
            where there is only one. Raised once every server is done.
    """
    if len(lanes) == 1 and not forgiving:
        return [work(lanes[0], group) for group in lanes[0].groups]
    with ThreadPoolExecutor(min(SERVERS_AT_ONCE, len(lanes)) or 1, "tenancy-server") as pool:
        answers = pool.map(lambda lane: _in_lane(lane, work, lost), lanes)
        return [answer for found in answers for answer in found]


def _in_lane(lane: Lane, work: Work[T], lost: Lost[T]) -> list[T]:
    answers: list[T] = []
    silence = ""
    for group in lane.groups:
        if silence:
            answers.append(lost(lane, group, silence))
            continue
        try:
            answers.append(work(lane, group))
        except LOST as error:
            silence = _silence(lane, group, error)
            answers.append(lost(lane, group, silence or _told(lane, str(error))))
    return answers


def _silence(lane: Lane, group: Group, error: Exception) -> str:
    """Why nothing else on the server need be tried, in words; empty where that is not so."""
    if not isinstance(error, ServerUnreachableError):
        return ""
    target, timeout_s = group.targets[0], lane.brief.options.connect_timeout_s
    if not is_silent(error, target.address, timeout_s):
        return ""
    server = target.server
    # Not of one database: these words are those of every target there.
    told = f"the server {server} cannot be reached: {' '.join(error.cause.split())}"
    return told if lane.brief.label == server else _told(lane, told)


def _told(lane: Lane, text: str) -> str:
    text = " ".join(masked(text).split())
    return f"{lane.brief.label}: {text}" if lane.brief.label else text
