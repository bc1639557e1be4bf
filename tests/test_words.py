"""Turns of phrase that readers stumbled over do not grow back."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

TURNS: dict[str, str] = {
    r"before your provider's outage shows you": "before an outage does",
    r"nobody noticed but": "callers noticed only …",
    r"(bought|buys) nothing": "were wasted",
    r"is it right\?": "validate",
    r"nothing runs": "without running",
    r"conduct checks?|conducted itself": "behaviour checks, behaviour",
    r"intervals speak of": "intervals do not predict other runs",
    r"outlived a fault|waited? it out|sat the fault out": "were still retrying when the fault ended",
    r"(?:their|no|got|gets?) whole answers?\b": "complete answer",
    r"(would be|is|are) (enough|needed) to tell": "at least N samples needed",
    r"wanted (less|more) than|wanted at (least|most)": "limit …",
    r"as if it were (whole|all|one|the whole)": "reported as success",
    r"stands? here a second time": "duplicate",
    r"stands? in (its|his|their) place": "using … instead",
    r"so manieth": "every Nth",
    r"tells? (?:\w+ )?to (?:come back|wait)": "sends Retry-After",
    r"finds too little": "if too few remain",
    r"as (many|much) as the machine can (bear|stand)": "default: what the machine can handle",
    r"\banew\b": "again; re-evaluate",
    r"\bkept runs?\b": "saved run",
    r"that both have": "common to both",
    r"a clock of its own": "not measured in simulation",
    r"said to be unseen": "reported as not observable",
    r"go(es)? on with the same command": "resume",
    r"\bNo load test\b": "It is not a load test",
    r"the begin (or|of|to)\b": "the beginning",
    r"the extremes": "extreme",
    r"answers? the door": "detect refused connections",
    r"hangs? on chance|by chance or not|be it by": "depends on chance",
    r"what providers take": "prices",
    r"so that more is worse": "so that larger is worse",
    r"(nobody|no one) knows": "unknown",
    r"what followed on what": "consecutive attempts",
    r"worked out once": "computed once",
    r"\bchains? of ours\b": "name the chain",
    r"\btold nothing\b": "no Retry-After",
}
"""What is not written, as a pattern, and what is written instead."""


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a file that people read, with their numbers: of code the docstrings, texts and comments."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from _of_code(text)
    elif path.suffix == ".ipynb":
        for cell in json.loads(text)["cells"]:
            yield from enumerate("".join(cell["source"]).splitlines(), start=1)
    else:
        yield from enumerate(text.splitlines(), start=1)


def _of_code(text: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            # Joined, so that a turn that is broken over two lines is found too.
            yield node.lineno, " ".join(node.value.split())
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


PAGES = sorted(
    path
    for pattern in (
        "harness/**/*.py",
        "benchmarks/**/*.py",
        "scripts/**/*.py",
        "*.md",
        "docs/**/*.md",
        "reports/*.md",
        "scenarios/**/*.yaml",
        "incidents/*.yaml",
        "notebooks/*.ipynb",
        ".github/**/*",
    )
    for path in ROOT.glob(pattern)
    if path.is_file()
)


def found(text: str) -> list[str]:
    """Return each turn in a line, with what to write instead."""
    return [
        f"{match.group()!r}: write {instead!r}"
        for turn, instead in TURNS.items()
        if (match := re.search(turn, text, flags=re.IGNORECASE))
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_turn_grows_back(page: Path) -> None:
    """In no message, docstring, comment, scenario, notebook or document."""
    assert [(line, turn) for line, text in prose(page) for turn in found(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "Judge a kept run anew",
        "381 would be enough to tell",
        "30 s of 98, wanted less than 20 s",
        "8 conduct checks found nothing",
        "a dummy key stands in its place",
        "an edge is the begin or end",
    ],
)
def test_a_turn_is_found(text: str) -> None:
    """Whatever its case, and where it goes on."""
    assert found(text)
    assert found(f"… {text.upper()} …")
    assert not found("Re-evaluate a saved run")
