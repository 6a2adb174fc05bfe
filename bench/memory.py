"""Peak memory of a run over few and over many tenants, each in a process of its own."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from pathlib import Path

from bench import contenders
from bench.arena import Arena, arena
from bench.finding import Finding
from bench.project import revision_id, trivial
from bench.sizes import Size
from fastapi_tenancy.testing.postgres import EmbeddedPostgres

LIMIT_MIB = 40.0
_STATUS = Path("/proc/self/status")


def memory_growth(server: EmbeddedPostgres, size: Size) -> list[Finding]:
    """One trivial revision over the first few schemas, then the same over many others."""
    few, many = size.few, size.many
    with arena(server, count=few + many, tables=1, bodies=[trivial(1)]) as place:
        small = _run(place, 0, few)
        large = _run(place, few, few + many)
    return [
        Finding(
            "memory",
            f"peak of a run over {many} tenants",
            f"peak over {few}",
            [large - small],
            "MiB more",
            LIMIT_MIB,
            False,
            {f"{few} tenants, MiB": [small], f"{many} tenants, MiB": [large]},
        )
    ]


def _run(place: Arena, first: int, last: int) -> float:
    arguments = [str(place.ini), place.url, str(first), str(last), revision_id(1)]
    done = subprocess.run(
        [sys.executable, "-m", "bench.memory", *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return float(json.loads(done.stdout)["peak_mib"])


def peak_mib() -> float:
    """The most memory this process had at once, in MiB."""
    if _STATUS.exists():
        # ru_maxrss of a Linux process begins at what its parent had when it was started.
        found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text())
        if found:
            return int(found[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _main(ini: str, url: str, first: str, last: str, revision: str) -> None:
    contenders.engine(Path(ini), url, range(int(first), int(last)), revision)
    print(json.dumps({"peak_mib": peak_mib()}))


if __name__ == "__main__":
    _main(*sys.argv[1:])
