"""The comparison of shown and printed lets times and `...` pass, and nothing else."""

from __future__ import annotations

import pytest

from docs_console import Typed, agrees, commands


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("4 migrated in 0.3 s", "4 migrated in 12.7 s\n", True),
        ("4 migrated in 0.3 s", "5 migrated in 0.3 s\n", False),
        ("4 migrated", "4 migrated\nroads: 4 live\n", False),
        ("", "anything\n", False),
        ("failed: ... duplicated", "failed: revision 4: duplicated\n", True),
        ("failed: ... duplicated", "failed: revision 4\nduplicated\n", False),
        ("...\n2 passed", "..\nwarning\n2 passed\n", True),
        ("...\n2 passed", "2 passed\n", True),
        ("...\n2 passed", "2 passed\n1 error\n", False),
        ("0004      1", "0004             1\n", True),
        ("added a (%s)" % ("0" * 32), "added a (%s)\n" % ("f" * 32), True),
        ("a.b", "axb\n", False),
    ],
)
def test_what_agrees(shown: str, printed: str, same: bool):
    assert agrees(tuple(shown.splitlines()), printed) is same


def test_a_block_is_cut_at_its_prompts():
    block = "$ tenancy upgrade \\\n    --yes\ndone\n$ echo $?\n0\n"
    assert list(commands(block)) == [
        Typed("tenancy upgrade --yes", ("done",)),
        Typed("echo $?", ("0",)),
    ]


def test_output_without_a_command_is_a_mistake():
    with pytest.raises(AssertionError, match=r"begins with"):
        list(commands("done\n"))
