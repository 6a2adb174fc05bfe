"""Commands of tests are forks of a server that has done everything slow beforehand."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from forks import fork


def _tell(told: str) -> None:
    before = set(sys.modules)
    from fastapi_tenancy.cli.app import built, main

    assert callable(main)
    lines = (
        f"commands: {built.cache_info().currsize}",
        f"imported: {sorted(set(sys.modules) - before)}",
        f"web: {'fastapi' in sys.modules}",
        f"path: {os.environ.get('PYTHONPATH')}",
    )
    Path(told).write_text("\n".join(lines))


def test_the_server_is_warm_and_knows_no_more_than_a_command_needs(tmp_path: Path) -> None:
    """Where its preparation fails, `multiprocessing` says nothing and every command is slow."""
    told = tmp_path / "told"
    assert fork(_tell, str(told)).wait(60) == 0
    assert told.read_text().splitlines() == [
        "commands: 1",
        "imported: []",
        "web: False",
        f"path: {os.environ.get('PYTHONPATH')}",
    ]
