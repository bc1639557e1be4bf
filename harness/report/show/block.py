"""A piece of a page, and how its cells are written. Names and messages come from files: all text is escaped."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

from harness.judge import Status
from harness.judge.findings import FINDINGS
from harness.judge.metrics import METRICS
from harness.report import words
from harness.report.glossary import explained, with_jargon_explained
from harness.report.page import in_jupyterlab


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a page.

    Attributes:
        html: Without a style: the page has it, once.
    """

    html: str

    def _repr_html_(self) -> str:
        return in_jupyterlab(self.html)


def code(text: str) -> str:
    """Return plain text as HTML, with what is between backticks as code, and technical words explained."""
    pieces = text.split("`")
    return "".join(
        f"<code>{metrics_explained(piece)}</code>" if place % 2 else with_jargon_explained(piece)
        for place, piece in enumerate(pieces)
    )


def metrics_explained(text: str) -> str:
    """Return an expectation, or a setting, as HTML: each metric, finding, quantile and known setting with an explanation."""
    return "".join(
        explained(word, METRICS[word].meaning)
        if word in METRICS
        else explained(word, words.finding_meaning(word))
        if word in FINDINGS
        else with_jargon_explained(word)
        for word in re.split(r"([a-z_]+[0-9.]*)", text)
    )


def status_cell(answer: Status) -> str:
    """Return an answer as HTML: its glyph and its word."""
    return f'<span class="status {answer}">{words.status(answer)}</span>'


def with_interval(observed: str, around: str) -> str:
    """Return a number as HTML, its interval below it."""
    return escape(observed) + (f'<span class="ci">{escape(around)}</span>' if around else "")


def nothing(name: str, title: str, why: str, *, shown_by: str = "") -> Block:
    """Return a section that has nothing to show: why, and what would show it.

    Args:
        name: Its anchor in the page.
        title: Its heading, as text.
        why: One sentence, as text.
        shown_by: A command whose run has something to show; empty where the reason is that it cannot be observed.
    """
    example = f" A run that shows it: <code>{escape(shown_by)}</code>" if shown_by else ""
    return section(name, title, f'<p class="nothing">{escape(why)}{example}</p>')


def section(name: str, title: str, *parts: str) -> Block:
    """Return parts of a page, as HTML, under a heading that links can lead to."""
    return Block(f'<h2 id="{escape(name)}">{escape(title)}</h2>{"".join(parts)}')


def reading(text: str) -> str:
    """Return a sentence of help with what follows, given as text with code between backticks."""
    return f'<p class="reading">{code(text)}</p>'
