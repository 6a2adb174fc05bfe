"""Code that wants to end the process is refused that; a person who presses Ctrl-C is not."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fastapi_tenancy.errors import MigrationFailedError
from fastapi_tenancy.history.contained import contained

TOLD = "the revision raised KeyboardInterrupt, which is meant to end a process"


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Those of an ordinary process."""
    before = [signal.signal(signal.SIGINT, signal.default_int_handler)]
    before.append(signal.signal(signal.SIGTERM, signal.SIG_DFL))
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before[0])
    signal.signal(signal.SIGTERM, before[1])


def raising() -> None:
    with contained("the revision", MigrationFailedError):
        raise KeyboardInterrupt


def test_an_interrupt_of_its_own_is_an_error_in_every_thread():
    with pytest.raises(MigrationFailedError, match=TOLD):
        raising()
    with ThreadPoolExecutor(1) as pool, pytest.raises(MigrationFailedError, match=TOLD):
        pool.submit(raising).result()


def test_ctrl_c_is_let_through():
    with pytest.raises(KeyboardInterrupt), contained("the revision", MigrationFailedError):
        signal.raise_signal(signal.SIGINT)


def test_so_is_another_signal_that_is_handled_like_it():
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt), contained("env.py", MigrationFailedError):
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler


def test_a_handler_that_the_code_sets_stays():
    with contained("env.py", MigrationFailedError):
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        before = signal.signal(signal.SIGINT, lambda *_: None)
    assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):
        before(signal.SIGINT, None)  # type: ignore[operator, misc]
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_one_inside_another():
    with (
        pytest.raises(KeyboardInterrupt),
        contained("env.py", MigrationFailedError),
        contained("the revision", MigrationFailedError),
    ):
        signal.raise_signal(signal.SIGINT)
