"""Every way Alembic takes a revision: relative, partial, by label, several heads."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fastapi_tenancy.errors import ConfigurationError, NoRoadError
from fastapi_tenancy.model.plan import Command
from project import Project
from same import FLEET, both_roads
from snapshot import heads

Schemas = Callable[..., list[str]]
Copied = Callable[[], str]
UP, DOWN = Command.UPGRADE, Command.DOWNGRADE


def adds(name: str) -> tuple[str, str]:
    """A revision's two functions."""
    return f'op.create_table("{name}", sa.Column("id", sa.Integer))', f'op.drop_table("{name}")'


@pytest.fixture
def branched(project: Project, schemas: Schemas) -> Project:
    """aa11 - ab22 - ac33 - (bd44 labelled left, be55 labelled right) - cf66 merges."""
    project.revision("aa11", None, *adds("aa11"))
    project.revision("ab22", "aa11", *adds("ab22"))
    project.revision("ac33", "ab22", *adds("ac33"))
    project.revision("bd44", "ac33", *adds("bd44"), labels=["left"])
    project.revision("be55", "ac33", *adds("be55"), labels=["right"])
    project.revision("cf66", ("bd44", "be55"), *adds("cf66"))
    schemas(*FLEET)
    return project


@pytest.mark.parametrize(
    ("start", "asked", "command", "expected"),
    [
        ("ab22", "+1", UP, {"ac33"}),
        ("aa11", "+2", UP, {"ac33"}),
        ("base", "aa11+1", UP, {"ab22"}),
        ("base", "ab", UP, {"ab22"}),
        ("base", "be55-1", UP, {"ac33"}),
        ("base", "left@head", UP, {"cf66"}),
        ("ab22", "right", UP, {"be55"}),
        ("ac33", "left@+1", UP, {"bd44"}),
        ("cf66", "bd44", DOWN, {"bd44", "be55"}),
        ("ac33", "-2", DOWN, {"aa11"}),
        ("ac33", "ac33-1", DOWN, {"ab22"}),
        ("ac33", "ab", DOWN, {"ab22"}),
        ("cf66", "base", DOWN, set()),
    ],
)
def test_as_alembic_reads_it(
    branched: Project,
    copied: Copied,
    start: str,
    asked: str,
    command: Command,
    expected: set[str],
) -> None:
    if start != "base":
        branched.run(FLEET, start).require_success()
    else:
        branched.run(FLEET, "aa11").require_success()
        branched.run(FLEET, "base", DOWN).require_success()
    both_roads(branched, copied, FLEET, asked, command)
    assert all(heads(branched.url, name) == expected for name in FLEET)


def test_relative_to_where_each_tenant_stands(branched: Project, copied: Copied) -> None:
    branched.run(FLEET[:2], "aa11").require_success()
    branched.run(FLEET[2:], "ab22").require_success()
    both_roads(branched, copied, FLEET, "+1")
    assert [heads(branched.url, n) for n in FLEET] == [{"ab22"}] * 2 + [{"ac33"}] * 3


def test_counting_through_a_merge_is_refused_as_alembic_does(branched: Project) -> None:
    branched.run(FLEET).require_success()
    with pytest.raises(NoRoadError, match="counts through a merge"):
        branched.run(FLEET, "-1", DOWN)
    assert "Ambiguous walk" in str(branched.plain(["a1"], "-1", "downgrade")[0])
    assert heads(branched.url, "a1") == {"cf66"}


@pytest.mark.parametrize("asked", ["a", "zz", "left@zz", "aa11:ab22", ""])
def test_what_names_no_revision_is_refused_before_anything_is_changed(
    branched: Project, asked: str
) -> None:
    with pytest.raises(ConfigurationError):
        branched.run(FLEET, asked)
