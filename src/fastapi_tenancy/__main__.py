"""``python -m fastapi_tenancy`` is the `tenancy` command, and the installed script calls it too."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

_INTERRUPTED = 130


def main() -> None:
    """Run the command; Ctrl-C while its code is still being read ends it without a word."""
    # Not a KeyboardInterrupt: Python shows those that come in the midst of an import.
    unmoved = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if unmoved:
        signal.signal(signal.SIGINT, _end)
    from fastapi_tenancy.cli.app import main as command

    if unmoved:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        command()
    except KeyboardInterrupt:  # before the command began to listen, or after its last word
        sys.exit(_INTERRUPTED)


def _end(_number: int, _frame: FrameType | None) -> None:
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
