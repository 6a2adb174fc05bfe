"""Keeps what the user's own code raises to end a process from ending the engine's process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi_tenancy.errors import TenancyError
from fastapi_tenancy.history.pressed import watching_for_signals


@contextmanager
def contained(
    what: str, kind: type[TenancyError], passing: type[BaseException] | tuple[()] = ()
) -> Iterator[None]:
    """Turn exit() and other ends of a process into an error of ``kind``.

    A Ctrl-C is let through; a KeyboardInterrupt of the code's own is not.

    Args:
        what: whose code runs here, as the subject of a sentence.
        passing: what is let through besides errors.
    """
    with watching_for_signals() as signalled:
        try:
            yield
        except Exception:
            raise
        except SystemExit as error:
            raise kind(f"{what} ended the process with exit({_code(error)})") from error
        except BaseException as error:
            interrupted = isinstance(error, KeyboardInterrupt) and signalled()
            if isinstance(error, passing) or interrupted:
                raise
            raise kind(
                f"{what} raised {type(error).__name__}, which is meant to end a process; expected"
                " an Exception, such as RuntimeError"
            ) from error


def _code(error: SystemExit) -> str:
    return "" if error.code is None else repr(error.code)
