"""The settings about revisions: what they are by default, and what is refused in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fastapi_tenancy import TenancyConfig
from fastapi_tenancy.config.revisions import AtStart, WhenBehind
from fastapi_tenancy.errors import ConfigurationError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_by_default_nothing_is_done() -> None:
    config = TenancyConfig()
    assert (config.when_behind, config.required_revision) == (WhenBehind.SERVE, None)
    assert config.migrate_at_start is AtStart.NO
    assert not config.watches_revisions
    assert (config.ready_share, config.least_ready) == (None, 0.9)


@pytest.mark.parametrize(
    ("given", "watches"),
    [
        ({"when_behind": "refuse"}, True),
        ({"when_behind": "migrate"}, True),
        ({"required_revision": "head"}, True),
        ({"migrate_at_start": "all"}, False),
    ],
)
def test_who_asks_for_it_is_watched(given: dict[str, str], watches: bool) -> None:
    assert TenancyConfig(**given).watches_revisions is watches


def test_the_share_that_is_needed() -> None:
    assert TenancyConfig(when_behind="migrate").least_ready == 0
    assert TenancyConfig(when_behind="migrate", ready_share=0.5).least_ready == 0.5
    assert TenancyConfig(ready_share=0).least_ready == 0


def test_a_file_may_say_that_nothing_is_migrated(folder: Path) -> None:
    (folder / "tenancy.toml").write_text("migrate_at_start = false\n")
    assert TenancyConfig().migrate_at_start is AtStart.NO


@pytest.mark.parametrize(
    ("given", "because"),
    [
        ({"when_behind": "wait"}, "the argument when_behind is 'wait'"),
        ({"migrate_at_start": "some"}, "the argument migrate_at_start is 'some'"),
        ({"migrate_at_start": True}, "the argument migrate_at_start is 'True'"),
        ({"required_revision": "a..b..c"}, "more than one .."),
        ({"required_revision": ""}, "no revision is named"),
        ({"required_revision": "a, b"}, "two ranges are given for all tracks"),
        ({"ready_share": 90}, "the argument ready_share is '90'"),
        ({"ready_share": True}, "the argument ready_share is 'True'"),
        ({"ready_share": float("nan")}, "ready_share"),
        ({"revision_ttl_s": -1}, "the argument revision_ttl_s is '-1'"),
        ({"migrate_wait_s": "soon"}, "the argument migrate_wait_s is 'soon'"),
    ],
)
def test_what_cannot_be_used_is_refused(given: dict[str, Any], because: str) -> None:
    with pytest.raises(ConfigurationError, match=because):
        TenancyConfig(**given)
