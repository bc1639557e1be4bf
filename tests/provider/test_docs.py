"""The reference page of the faults names every fault of the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from harness.provider.fault_kind import Aspect
from harness.provider.faults import FAULTS
from harness.provider.faults.context import AFTER_TOKENS, PAUSE_NS
from harness.provider.inject import Inject
from harness.provider.legs import GATEWAY, LEGS
from harness.scenario import Fault
from scripts import declarations

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "faults.md").read_text()


def test_the_committed_tables_are_the_generated_ones() -> None:
    """`make schema` writes them; a kind without a row, or a row without a kind, is caught here."""
    assert declarations.page(PAGE) == PAGE
    rows = re.findall(r"^\| (`[a-z_: ]+`(?:, `[a-z_]+`)*) \|", PAGE.partition("## On the gateway")[0], re.MULTILINE)
    assert sorted(rows) == sorted(
        ", ".join(f"`{form}`" for form in fault.written) for fault in FAULTS.own.values() if not fault.of_process
    )


def test_every_fault_of_a_leg_is_documented() -> None:
    """Each in the table of its leg; those of a process have no other place."""
    page = PAGE.partition("## On the gateway")[2].partition("## Faults of other packages")[0]
    rows = re.findall(r"^\| `([a-z: ]+)` \|", page, re.MULTILINE)
    assert rows == [form for leg in LEGS.values() for form in leg.written]
    assert {kind for kind, fault in FAULTS.own.items() if fault.of_process} <= GATEWAY.faults.keys()


def test_every_key_is_documented() -> None:
    """Each field of `inject`, and each way to choose attempts."""
    for name in Inject.__slots__:
        assert f"`{name}" in PAGE, name
    for name in set(Fault.__slots__) - {"on", "during", "at", "for_", "inject"}:
        assert f"| `{name}:" in PAGE, name


def test_defaults_are_those_of_the_code() -> None:
    """Numbers in the text are the numbers that are applied."""
    assert f"`after_tokens` is {AFTER_TOKENS} and `pause` is {PAUSE_NS // 10**9} s unless given" in PAGE


def test_what_overlaps_is_documented() -> None:
    """One line for each aspect of an answer."""
    order = PAGE.partition("## Where faults overlap")[2]
    assert len(re.findall(r"^\d\. ", order, re.MULTILINE)) == len(set(get_args(Aspect)) - {"listener"})
