"""Runs the benchmarks on a PostgreSQL of their own: ``python -m bench --help``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from rich.console import Console

from bench.apart import databases, files
from bench.creating import tenants_created
from bench.finding import Finding
from bench.gate import gate_warm
from bench.memory import memory_growth
from bench.own import env_road
from bench.races import additive_revision, live_revision, nothing_to_do
from bench.report import show, write
from bench.sessions import sessions_opened
from bench.sizes import QUICK, WHOLE, Size
from bench.web import requests_served
from fastapi_tenancy.testing.postgres import EmbeddedPostgres

BENCHMARKS: dict[str, Callable[[EmbeddedPostgres, Size], list[Finding]]] = {
    "additive": additive_revision,
    "live": live_revision,
    "no-op": nothing_to_do,
    "databases": databases,
    "files": files,
    "env": env_road,
    "memory": memory_growth,
    "sessions": sessions_opened,
    "web": requests_served,
    "gate": gate_warm,
    "creating": tenants_created,
}
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Run what was asked for, show it and write it."""
    asked = _arguments()
    size = QUICK if asked.quick else WHOLE
    console = Console()
    findings: list[Finding] = []
    began = time.perf_counter()
    with EmbeddedPostgres() as server:
        with psycopg.connect(server.url()) as connection:
            release = connection.info.parameter_status("server_version") or ""
        console.print(f"PostgreSQL {release}, durable settings; nothing else should be running")
        for name in asked.only or BENCHMARKS:
            started = time.perf_counter()
            with console.status(f"{name} ..."):
                findings += BENCHMARKS[name](server, size)
            console.print(f"{name}: took {time.perf_counter() - started:.0f} s")
    show(findings, console)
    file = asked.json or RESULTS / f"{time.strftime('%Y-%m-%dT%H%M%S')}.json"
    write(findings, size, release, time.perf_counter() - began, file)
    console.print(f"written to {file}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="small fleets: shows that it runs, not how fast"
    )
    parser.add_argument(
        "--only", action="append", choices=BENCHMARKS, help="this benchmark only; repeatable"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures")
    return parser.parse_args()


if __name__ == "__main__":
    main()
