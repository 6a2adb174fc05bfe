"""The pages about start-up and revisions: their YAML is whole, their numbers are those of the code."""

from __future__ import annotations

from typing import Any

import yaml

from docs_pages import DOCS, blocks
from fastapi_tenancy import TenancyConfig
from fastapi_tenancy.cli.exits import Exit
from fastapi_tenancy.observe.lines import KEPT, KEPT_S
from fastapi_tenancy.revisions import gate, on_request, reading, share
from fastapi_tenancy.storage.leases import LEASE_S

STARTUP, REVISIONS = DOCS / "startup.md", DOCS / "revisions.md"


def documents() -> dict[str, Any]:
    """The YAML of the page, by what it is."""
    found = [yaml.safe_load(b.text) for b in blocks(STARTUP) if b.kind == "yaml"]
    return {one.get("kind") or "workflow": one for one in found}


def said(page: Any) -> str:
    """A page as one line."""
    return " ".join(page.read_text(encoding="utf-8").split())


def test_the_workflow_deploys_after_it_migrated() -> None:
    jobs = documents()["workflow"]["jobs"]
    assert jobs["deploy"]["needs"] == "migrate"
    assert list(jobs["migrate"]["env"]) == ["TENANCY_DATABASE_URL"]
    assert all({"uses", "run"} & step.keys() for job in jobs.values() for step in job["steps"])


def test_the_job_gives_up_where_trying_again_is_of_no_use() -> None:
    spec = documents()["Job"]["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    (rule,) = (r for r in spec["podFailurePolicy"]["rules"] if "onExitCodes" in r)
    assert rule["action"] == "FailJob"
    assert rule["onExitCodes"]["containerName"] == container["name"]
    assert rule["onExitCodes"]["values"] == [Exit.REFUSED.value]
    assert spec["template"]["spec"]["restartPolicy"] == "Never"  # as a podFailurePolicy asks for
    assert container["env"][0]["name"] == "TENANCY_DATABASE_URL"


def test_the_probes_need_no_tenant() -> None:
    spec = documents()["Deployment"]["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"]
    assert pod["initContainers"][0]["env"] == container["env"]
    for probe in ("readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["path"] in TenancyConfig().paths_without_tenant


def test_the_numbers_are_those_of_the_code() -> None:
    config = TenancyConfig()
    for part in (
        f"`revision_ttl_s` ({config.revision_ttl_s:g} s)",
        f"at most {reading.AT_ONCE} at a time for each server, {KEPT} of them kept for {KEPT_S:g} s",
        f"at most {on_request.AT_ONCE} tenants at a time in a process",
        f"up to `migrate_wait_s` ({config.migrate_wait_s:g} s)",
        f"`Retry-After: {gate.MIGRATING_RETRY_S}`",
        f"tried again after {on_request.FIRST_RETRY_S:g}, {2 * on_request.FIRST_RETRY_S:g},",
        f"up to {on_request.LONGEST_RETRY_S:g} seconds",
        f"takes over within {LEASE_S:g} seconds",
        f"within `ready_ttl_s` ({config.ready_ttl_s:g} s)",
        f"({config.least_ready:.0%}, unless set)".replace("%", " %"),
    ):
        assert part in said(REVISIONS)
    assert (share.REST, "no more than a tenth of the time" in said(REVISIONS)) == (10, True)
    assert (gate.BRIEF_S, "for longer than a second" in said(REVISIONS)) == (1, True)
    assert f"takes over within {LEASE_S:g} seconds" in said(STARTUP)
