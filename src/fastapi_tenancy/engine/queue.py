"""Hands targets out to workers: to each first those its connection has read already."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence

from fastapi_tenancy.engine.session import Session
from fastapi_tenancy.model.target import Target


class Queue:
    """The targets of one cohort; none is handed out twice."""

    def __init__(self, targets: Iterable[Target], sessions: Sequence[Session]) -> None:
        readers = {schema: n for n, s in enumerate(sessions) for schema in s.remembered}
        self._own: list[deque[Target]] = [deque() for _ in sessions]
        self._common: deque[Target] = deque()
        self._taking = threading.Lock()
        for target in targets:
            reader = readers.get(target.schema)
            (self._common if reader is None else self._own[reader]).append(target)

    def take(self, number: int) -> Target | None:
        """The next target for the session of that number, or None when all are handed out."""
        with self._taking:
            for source in (self._own[number], self._common):
                if source:
                    return source.popleft()
            fullest = max(self._own, key=len)
            return fullest.pop() if fullest else None
