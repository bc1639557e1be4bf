"""Plain data and the dataclasses that they describe."""

from __future__ import annotations

import json

import pytest

from harness.judge import Score
from harness.report.scorecard import CellRun
from harness.store import encode, shaped
from tests.plans import chain

RUN = CellRun(seed=1, digest="d", length_s=3.0, command="c", score=Score.PASS, reasons=("one", "two"))
CHAIN = chain()


@pytest.mark.parametrize("value", [RUN, CHAIN], ids=["run", "chain"])
def test_parsed_json_becomes_what_it_was(value: object) -> None:
    """Enumerations, tuples and nested records included."""
    assert shaped(json.loads(encode(value)), type(value)) == value


@pytest.mark.parametrize("data", [None, [], {"seed": "x"}])
def test_data_of_another_shape_are_refused(data: object) -> None:
    """As when they are decoded."""
    with pytest.raises(ValueError, match=r"Expected|missing"):
        shaped(data, CellRun)
