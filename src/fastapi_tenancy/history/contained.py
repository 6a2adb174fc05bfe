"""Keeps what the user's own code raises to end a process from ending the engine's process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi_tenancy.errors import TenancyError


@contextmanager
def contained(
    what: str, kind: type[TenancyError], passing: type[BaseException] | tuple[()] = ()
) -> Iterator[None]:
    """Turn exit() and other ends of a process into an error of ``kind``.

    A Ctrl-C reaches the main thread only: there, and nowhere else, it is let through.

    Args:
        what: whose code runs here, as the subject of a sentence.
        passing: what is let through besides errors.
    """
    try:
        yield
    except Exception:
        raise
    except SystemExit as error:
        raise kind(f"{what} ended the process with exit({_code(error)})") from error
    except BaseException as error:
        if isinstance(error, passing) or _is_interrupt(error):
            raise
        raise kind(
            f"{what} raised {type(error).__name__}, which is meant to end a process; expected an"
            " Exception, such as RuntimeError"
        ) from error


def _code(error: SystemExit) -> str:
    return "" if error.code is None else repr(error.code)


def _is_interrupt(error: BaseException) -> bool:
    if isinstance(error, GeneratorExit):
        return True
    main = threading.current_thread() is threading.main_thread()
    return main and isinstance(error, KeyboardInterrupt)
