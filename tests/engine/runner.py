"""A run of the engine in a process of its own, to be killed or raced; prints how it ended."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from fastapi_tenancy.config import TenancyConfig
from fastapi_tenancy.engine import lease
from fastapi_tenancy.engine.options import RunOptions
from fastapi_tenancy.engine.run import FleetRun
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.isolation.schema import SchemaIsolationProvider
from fastapi_tenancy.model.event import Event, TargetFinished
from fastapi_tenancy.model.tenant import Tenant


def main() -> None:
    """Run what the one argument, a JSON object, asks for."""
    asked = json.loads(sys.argv[1])
    # Tests do not wait as long for a runner they have killed.
    lease.LEASE_S, lease.RENEWAL_S = 2.0, 0.5
    isolation = SchemaIsolationProvider(TenancyConfig(database_url=asked["url"]))
    fleet = [Tenant(id=n, identifier=n, schema_name=n) for n in asked["fleet"]]

    def listen(event: Event) -> None:
        if isinstance(event, TargetFinished):
            print(f"finished {event.outcome.target.schema}", file=sys.stderr, flush=True)

    options = RunOptions(create=True, **asked["options"])
    run = FleetRun(History(Path(asked["ini"])), isolation, options, listener=listen)
    print("started", file=sys.stderr, flush=True)
    report = run.execute(lambda: fleet)
    ends = {o.target.schema: [o.kind.value, o.error] for o in report.outcomes}
    print(json.dumps(ends))


if __name__ == "__main__":
    main()
