"""A worker process: loads the scripts once, then runs env.py for one job after another."""

from __future__ import annotations

import logging
import signal
import sys
import time
from multiprocessing.connection import Connection as Channel
from types import FrameType

from fastapi_tenancy.engine.env.context import Aborted, OwnContext
from fastapi_tenancy.engine.env.job import Answer, Job, Setup
from fastapi_tenancy.engine.env.leftovers import Leftovers
from fastapi_tenancy.engine.env.telling import own_lines, told_in_words
from fastapi_tenancy.engine.stop import ABORTED
from fastapi_tenancy.errors import MigrationFailedError, TenancyError
from fastapi_tenancy.history import ambient
from fastapi_tenancy.history.arguments import config_for, config_for_all, own_config, url_for
from fastapi_tenancy.history.contained import contained
from fastapi_tenancy.history.identity import Identity, running_for
from fastapi_tenancy.history.scripts import History

ABORT = signal.SIGUSR1
"""Sent by the run to this process alone; SIGINT and SIGTERM may be meant for a whole group."""

STOP = signal.SIGUSR2
"""Sent once the run is to stop: an env.py that loops goes to nobody else."""


class Worker:
    """Carries jobs out; everything that lasts from one to the next is here."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._history = History(setup.ini, setup.section)
        self._leftovers = Leftovers()
        self._busy = False
        self._context: OwnContext | None = None
        signal.signal(ABORT, self._abort)
        signal.signal(STOP, self._stop)

    def carry_out(self, job: Job) -> Answer:
        """Run env.py; whatever it does ends as an answer."""
        started = time.perf_counter()
        # Alembic tells of every revision, and fileConfig() in env.py would show it.
        logging.disable(logging.INFO)
        context = self._context = self._made(job)
        error: BaseException | None = None
        try:
            self._run_env(context, job)
        except (Exception, Aborted) as caught:
            error = caught
        self._leftovers.close()
        taken = (time.perf_counter() - started) * 1000
        if error is None:
            return Answer(met=tuple(context.met), duration_ms=taken)
        return Answer(
            self._told(error, context),
            own_lines(error),
            context.at,
            tuple(context.met),
            taken,
        )

    def _run_env(self, context: OwnContext, job: Job) -> None:
        self._busy = True
        try:
            with (
                ambient.active(context=context),
                running_for(Identity(job.targets[0])),
                contained("env.py", MigrationFailedError, Aborted),
            ):
                self._history.directory.run_env()
        finally:
            self._busy = False

    def _made(self, job: Job) -> OwnContext:
        config, extra, target = self._history.config, self._setup.x_arguments, job.targets[0]
        if job.loops:
            view = config_for_all(config, target, extra)
        else:
            view = config_for(config, Identity(target), extra)
        return OwnContext(
            own_config(view, url_for(config, target)), self._history, self._setup, job
        )

    def _told(self, error: BaseException, context: OwnContext) -> str:
        if isinstance(error, Aborted):
            return ABORTED
        return told_in_words(error, context.progress, self._history.directory.env_py_location)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        if self._context is not None:
            self._context.stopping = True

    def _abort(self, _number: int, _frame: FrameType | None) -> None:
        if self._busy:
            self._busy = False
            raise Aborted


def main(descriptor: int) -> None:
    """Serve jobs until the run closes its end of the channel, or dies."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    for number in (ABORT, STOP):
        signal.signal(number, signal.SIG_IGN)
    with Channel(descriptor) as channel:
        try:
            _serve(channel)
        except (EOFError, BrokenPipeError):
            return


def _serve(channel: Channel) -> None:
    worker: Worker | None = None
    broken = ""
    setup: Setup = channel.recv()
    try:
        worker = Worker(setup)
    except TenancyError as error:
        broken = str(error)
    while True:
        job: Job = channel.recv()
        answer = Answer(broken) if worker is None else worker.carry_out(job)
        sys.stdout.flush()
        channel.send(answer)
