"""The page in the documentation is the measurement."""

from __future__ import annotations

from pathlib import Path

from .measure import Measured
from .page import render

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "sdk-streams.md"


def test_the_committed_page_is_what_is_measured(measured: Measured, retried: Measured) -> None:
    """`make schema` writes it; a fault, a dialect or an SDK that has changed is caught here."""
    assert PAGE.read_text() == render(measured, retried)
