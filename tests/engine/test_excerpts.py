"""What is shown of long statements holds what matters, and shows that it was cut."""

from __future__ import annotations

from fastapi_tenancy.engine.compare import first_difference
from fastapi_tenancy.engine.excerpts import excerpt

COLUMNS = ", ".join(f"column_{n}" for n in range(30))
INSERT = f"INSERT INTO items ({COLUMNS}) VALUES ({', '.join(str(n) for n in range(30))}, "


def test_a_text_that_is_cut_says_so() -> None:
    assert excerpt("short", 5) == "short"
    assert excerpt("longer", 5) == "longe..."
    assert excerpt("x" * 99 + "y", 60, at=99) == "..." + "x" * 40 + "y"


def test_a_difference_far_behind_is_shown() -> None:
    told = first_difference([f"{INSERT}'mine')"], [f"{INSERT}'theirs'::VARCHAR)"], [INSERT])
    assert told is not None
    assert "'mine')»" in told
    assert "'theirs'::VARCHAR)»" in told
    assert told.count("«...") == 2
    assert len(told) < 400


def test_statements_without_a_word_write_no_rows() -> None:
    assert first_difference([], ["", " ;", "-- nothing"], []) is None
    assert first_difference([], ["(SELECT f())"], []) is not None
