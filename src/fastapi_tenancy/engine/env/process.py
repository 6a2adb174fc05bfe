"""One worker process as the run sees it: started when first needed, replaced when it dies."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from multiprocessing import Pipe
from multiprocessing.connection import Connection as Channel

from fastapi_tenancy.engine.env.job import Answer, Job, Setup
from fastapi_tenancy.engine.env.worker import ABORT, STOP
from fastapi_tenancy.engine.stop import ABORTED, Stop

LOOK_EVERY_S = 0.5
"""Seconds between two looks whether an aborted job has ended."""
GRACE_S = 5.0
"""Seconds an aborted job has to roll back before its process is killed."""
_STDERR = 2
# Not a child of `multiprocessing`: that would run the caller's own main script once more, and a
# script without `if __name__ == "__main__"` would start another run from there.
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]);"
    " from fastapi_tenancy.engine.env.worker import main; main(int(sys.argv[1]))"
)


class WorkerProcess:
    """A process that runs env.py for one job at a time; used by one thread."""

    def __init__(self, setup: Setup, stop: Stop) -> None:
        self._setup = setup
        self._stop = stop
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None

    def carry_out(self, job: Job) -> Answer:
        """Have the job done; a process that dies over it is its answer."""
        try:
            channel = self._opened()
            channel.send(job)
            self._wait(channel)
            answer: Answer = channel.recv()
        except (EOFError, OSError):
            return self._died()
        return answer

    def abort(self) -> None:
        """Have the job in flight rolled back, from another thread."""
        self._signal(ABORT)

    def close(self) -> None:
        """End the process; it is idle, or its job is lost."""
        if self._channel is not None:
            self._channel.close()
        if self._process is not None:
            try:
                self._process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process, self._channel = None, None

    def _signal(self, number: signal.Signals) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(number)

    def _opened(self) -> Channel:
        if self._channel is None:
            ours, theirs = Pipe()
            with theirs:
                self._process = self._started(theirs)
            self._channel = ours
            ours.send(self._setup)
        return self._channel

    def _started(self, theirs: Channel) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", _START, str(theirs.fileno()), json.dumps(sys.path)],
            stdin=subprocess.DEVNULL,
            stdout=_STDERR,
            pass_fds=[theirs.fileno()],
            # Ctrl-C in the terminal is for the run, which lets jobs in flight finish.
            start_new_session=True,
        )

    def _wait(self, channel: Channel) -> None:
        aborted: float | None = None
        while not channel.poll(LOOK_EVERY_S):
            if not self._stop.aborted.is_set():
                if self._stop.requested.is_set():
                    self._signal(STOP)
                continue
            aborted = aborted or time.monotonic()
            # The first signal may have come before the job had begun.
            self.abort()
            if self._process is not None and time.monotonic() - aborted > GRACE_S:
                self._process.kill()

    def _died(self) -> Answer:
        process = self._process
        with contextlib.suppress(OSError):
            self.close()
        if self._stop.aborted.is_set():
            return Answer(ABORTED)
        code = process.returncode if process is not None else None
        return Answer(
            f"the process that ran env.py for it {_ending(code)} in the middle of it; what was not"
            " committed is rolled back. Expected env.py and the revisions to leave their process"
            " running; run again once that is so"
        )


def _ending(code: int | None) -> str:
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
