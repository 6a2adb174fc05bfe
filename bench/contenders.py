"""Those who run the race: the engine, plain Alembic in a loop, and the bare driver."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config

from bench.fleet import schema
from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.engine.options import RunOptions
from fastapi_tenancy.engine.run import FleetRun
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.isolation.schema import SchemaIsolationProvider
from fastapi_tenancy.model.outcome import OutcomeKind, Report
from fastapi_tenancy.model.plan import Engine
from fastapi_tenancy.model.tenant import Tenant

CONNECTIONS = RunOptions().concurrency


def tenants(numbers: range) -> Iterator[Tenant]:
    """The tenants of the schemas of these numbers."""
    for number in numbers:
        yield Tenant(id=f"id-{number}", identifier=f"tenant-{number}", schema_name=schema(number))


def engine(ini: Path, url: str, numbers: range, revision: str) -> Report:
    """A whole run over schemas."""
    isolation = SchemaIsolationProvider(TenancyConfig(database_url=url))
    return fleet_run(ini, isolation, list(tenants(numbers)), revision)


def fleet_run(
    ini: Path,
    isolation: IsolationProvider,
    fleet: Sequence[Tenant],
    revision: str,
    engine: Engine = Engine.AUTO,
) -> Report:
    """One whole run, from reading the project to the report, with default proof.

    Raises:
        RuntimeError: a tenant did not come to its end; a figure would mean nothing.
    """
    options = RunOptions(revision=revision, engine=engine)
    report = FleetRun(History(ini), isolation, options).execute(lambda: fleet)
    ended = report.counts()
    done = ended[OutcomeKind.MIGRATED] + ended[OutcomeKind.THERE]
    if done != len(fleet) or report.differences:
        first = next(report.failures(), None)
        raise RuntimeError(f"the run ended with {dict(ended)}: {first and first.error}")
    return report


def alembic(ini: Path, schemas: Sequence[str], revision: str) -> None:
    """``alembic.command.upgrade`` in a loop; the ini file is read only once, in its favour."""
    config = Config(str(ini))
    for name in schemas:
        config.attributes["schema"] = name
        command.upgrade(config, revision)


def rendered(ini: Path, before: str, after: str) -> str:
    """The statements of a span as Alembic's offline mode writes them, without BEGIN and COMMIT."""
    written = io.StringIO()
    command.upgrade(Config(str(ini), output_buffer=written), f"{before}:{after}", sql=True)
    lines = written.getvalue().splitlines()
    return "\n".join(line for line in lines if line not in ("BEGIN;", "COMMIT;"))


def driver(url: str, schemas: Sequence[str], script: str) -> None:
    """The physical limit: the script as one message per tenant, nothing read, nothing checked."""
    queue = iter(schemas)
    taking = threading.Lock()

    def serve() -> None:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            while True:
                with taking:
                    name = next(queue, None)
                if name is None:
                    return
                connection.execute(f'SET LOCAL search_path TO "{name}";\n{script}'.encode())

    crowd(serve)


def crowd(serve: Callable[[], None]) -> None:
    """Have as many threads as the engine has connections do the same.

    Raises:
        BaseException: the first that one of them raised.
    """
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for done in [pool.submit(serve) for _ in range(CONNECTIONS)]:
            done.result()
