"""Which positions are served, by the graph of the scripts alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastapi_tenancy.errors import ConfigurationError, UnknownRevisionError
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.model.required import Required, RevisionRange
from fastapi_tenancy.model.target import MISSING, UNVERSIONED, Position, PositionState
from fastapi_tenancy.model.track import Track
from fastapi_tenancy.revisions.judge import Judge, Judgement
from several import ini, located, revision, scripts


@pytest.fixture
def straight(tmp_path: Path) -> Path:
    """One line of revisions: r1, r2, r3."""
    folder = scripts(tmp_path / "straight")
    for name, down in (("r1", None), ("r2", "r1"), ("r3", "r2")):
        revision(folder, name, down, "pass")
    return ini(tmp_path / "alembic.ini", {"alembic": located("straight")})


@pytest.fixture
def branched(tmp_path: Path) -> Path:
    """After r1 come a1 and a2, and b1; c1 begins anew and depends on a1."""
    folder = scripts(tmp_path / "branched")
    for name, down in (("r1", None), ("a1", "r1"), ("a2", "a1"), ("b1", "r1"), ("c1", None)):
        file = revision(folder, name, down, "pass")
        if name == "c1":
            file.write_text(file.read_text() + '\ndepends_on = "a1"\n')
    return ini(tmp_path / "alembic.ini", {"alembic": located("branched")})


def judge(file: Path, required: str = "heads", *, track: str | None = None) -> Judge:
    """A judge of a project."""
    of = Track(ini=file, section="alembic", revision=track)
    return Judge(of, History(file), Required.parse(required).of(""))


def judged(made: Judge, *heads: str) -> str:
    """The word for a position."""
    return made.judge(Position(tuple(sorted(heads)))).judgement.value


@pytest.mark.parametrize(
    ("required", "words"),
    [
        ("heads", "behind behind behind served beyond"),
        ("head", "behind behind behind served beyond"),
        ("r2", "behind behind served beyond beyond"),
        ("r1..r2", "behind served served beyond beyond"),
        ("r2..head", "behind behind served served beyond"),
        ("r2..", "behind behind served served served"),
        ("head-1..", "behind behind served served served"),
        ("..r2", "served served served beyond beyond"),
        ("base..", "served served served served served"),
    ],
)
def test_a_range_of_one_line(straight: Path, required: str, words: str) -> None:
    made = judge(straight, required)
    positions = ([], ["r1"], ["r2"], ["r3"], ["of_later_scripts"])
    assert [judged(made, *heads) for heads in positions] == words.split()


def test_a_range_of_branches(branched: Path) -> None:
    made = judge(branched, "a1..")
    assert judged(made, "a1") == judged(made, "a2") == judged(made, "a1", "b1") == "served"
    assert judged(made, "c1") == "served"  # it depends on a1
    assert judged(made, "b1") == judged(made, "r1") == "behind"
    closed = judge(branched, "r1..a1")
    assert judged(closed, "r1") == judged(closed, "a1") == "served"
    assert judged(closed, "b1") == judged(closed, "a2") == judged(closed, "a1", "b1") == "beyond"
    assert judged(judge(branched), "a2", "b1", "c1") == "served"
    assert judged(judge(branched), "a2", "b1") == "behind"


def test_what_is_not_there_or_not_readable(straight: Path) -> None:
    made = judge(straight)
    assert made.judge(UNVERSIONED).judgement is Judgement.BEHIND
    assert made.judge(MISSING).told == "its schema or database does not exist"
    broken = made.judge(Position((), PositionState.UNREADABLE, problem="who knows"))
    assert (broken.judgement, broken.told) == (Judgement.UNREADABLE, "who knows")


def test_a_track_may_end_before_the_head(straight: Path) -> None:
    made = judge(straight, track="r2")
    assert (made.goal, judged(made, "r2"), judged(made, "r1")) == ("r2", "served", "behind")
    assert judged(made, "r3") == "beyond"


@pytest.mark.parametrize(("required", "goal"), [("r1..r2", "r2"), ("r2..", "heads"), ("r1", "r1")])
def test_the_end_of_the_range_is_where_tenants_are_brought(
    straight: Path, required: str, goal: str
) -> None:
    assert judge(straight, required).goal == goal


@pytest.mark.parametrize(
    ("required", "because"),
    [
        ("r9..", "no revision 'r9'"),
        ("r", "more than one revision begins with r"),
        ("r3..r1", "required_revision is r3..r1, but its end does not come after its beginning"),
        ("head-9..", "cannot be reached"),
    ],
)
def test_a_range_that_is_none_is_refused(straight: Path, required: str, because: str) -> None:
    with pytest.raises(UnknownRevisionError, match=because):
        judge(straight, required)


def test_a_head_that_is_several_is_refused(branched: Path) -> None:
    with pytest.raises(ConfigurationError, match="several heads"):
        judge(branched, "head")


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("", "no revision is named"),
        (" .. ", "no revision is named"),
        ("a..b..c", "more than one"),
        ("a...b", "more than one"),
        ("a b", "holds a space"),
        ("=a", "no track is named"),
        ("t=", "no revision is named"),
        ("t=a, t=b", "two ranges are given for the track t"),
        ("a, b", "two ranges are given for all tracks"),
    ],
)
def test_what_is_no_range_is_refused(text: str, because: str) -> None:
    with pytest.raises(ValueError, match=because):
        Required.parse(text)


def test_each_track_may_have_a_range_of_its_own() -> None:
    required = Required.parse("a1.., reports = b1..b2")
    assert required.of("reports") == RevisionRange("b1", "b2")
    assert required.of("other") == RevisionRange("a1", None)
    assert Required.parse("reports=b1").of("other") == RevisionRange()
    assert [str(RevisionRange(*r)) for r in (("a", None), (None, "b"), ("a", "b"), ("a", "a"))] == [
        "a..", "..b", "a..b", "a",
    ]  # fmt: skip
