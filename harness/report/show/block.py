"""A piece of a page, and how its cells are written. Names and messages come from files: all text is escaped."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

from harness.judge import Status
from harness.judge.metrics import METRICS
from harness.report import words
from harness.report.glossary import explained


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a page."""

    html: str

    def _repr_html_(self) -> str:
        return self.html


def code(text: str) -> str:
    """Return plain text as HTML, with what is between backticks as code."""
    pieces = text.split("`")
    return "".join(
        f"<code>{metrics_explained(piece)}</code>" if place % 2 else escape(piece) for place, piece in enumerate(pieces)
    )


def metrics_explained(text: str) -> str:
    """Return an expectation as HTML, its metric with an explanation."""
    return "".join(
        explained(word, METRICS[word].meaning) if word in METRICS else escape(word)
        for word in re.split(r"([a-z_]+)", text)
    )


def status_cell(answer: Status) -> str:
    """Return an answer as HTML: its glyph and its word."""
    return f'<span class="status {answer}">{words.status(answer)}</span>'


def with_interval(observed: str, around: str) -> str:
    """Return a number as HTML, its interval below it."""
    return escape(observed) + (f'<span class="ci">{escape(around)}</span>' if around else "")
