"""Words that a page explains where they stand: on hover or focus, and once more in a list that is printed.

Metrics and findings bring their own explanation; TERMS has the other words.
"""

from __future__ import annotations

import re
from html import escape, unescape

TERMS = {
    "95 % interval": (
        "The range in which the true value lies with 95 % certainty, for this run. Other runs may differ by more."
    ),
    "affected": "How many requests show it, out of those that could have.",
    "attempts": "Calls that each provider got, retries included.",
    "dispatch lag": "How much later than planned requests were sent. A large one means that the machine was too busy.",
    "dropped": "Planned requests that were never sent.",
    "foreign": "Calls of another run that arrived here and were refused.",
    "loop lag": "How late a process of the harness got to its own work. A large one means that the machine was too busy.",
    "lost": "Records of requests or attempts that are missing.",
    "orphans": "Attempts that belong to no request of this run.",
    "plan digest": "A checksum of everything that the run was to do. Two runs with the same one were the same test.",
    "samples": "How many observations the answer rests on.",
    "seed": "The number that fixes every arrival and every random choice: the same seed repeats the same test.",
    "time of affected requests": (
        "From when a request should have begun to its end, for the requests that a fault changed: the median, and the "
        "time within which 95 of 100 ended (p95)."
    ),
    "wait after a failure": "From the end of a request's first failed attempt to the start of its next one: the median.",
}


def explained(term: str, meaning: str = "") -> str:
    """Return a term as HTML that explains itself.

    Args:
        term: As it is shown.
        meaning: What it means; that of TERMS if empty.
    """
    plain = (meaning or TERMS[term]).replace("`", "")
    return f'<abbr tabindex="0" title="{escape(plain)}">{escape(term)}</abbr>'


def definitions(page: str) -> str:
    """Return a list of the terms that a piece of HTML explains, each once; empty where there is none."""
    found = re.findall(r'<abbr tabindex="0" title="([^"]*)">([^<]*)</abbr>', page)
    terms = {unescape(term): unescape(meaning) for meaning, term in found}
    if not terms:
        return ""
    rows = "".join(
        f"<dt>{escape(term)}</dt><dd>{escape(meaning)}</dd>"
        for term, meaning in sorted(terms.items(), key=_alphabetical)
    )
    return f'<section class="glossary"><h2>Words on this page</h2><dl>{rows}</dl></section>'


def _alphabetical(entry: tuple[str, str]) -> str:
    return entry[0].lower()
