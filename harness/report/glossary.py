"""Words that a page explains where they stand: on hover or focus, and once more in a list that is printed.

Metrics and findings bring their own explanation; TERMS has the other words.
"""

from __future__ import annotations

import re
from html import escape, unescape
from http import HTTPStatus

TERMS = {
    "95 % interval": (
        "The range in which the true value lies with 95 % certainty, for this run. Other runs may differ by more."
    ),
    "affected": "How many requests show it, out of those that could have.",
    "attempts": "Calls that each provider got, retries included.",
    "dispatch lag": "How much later than planned requests were sent. A large one means that the machine was too busy.",
    "dropped": "Planned requests that were never sent.",
    "foreign": "Calls of another run that arrived here and were refused.",
    "p50": "Half of them are no larger than this.",
    "p90": "90 of 100 are no larger than this.",
    "p95": "95 of 100 are no larger than this.",
    "p99": "99 of 100 are no larger than this.",
    "p99.9": "999 of 1,000 are no larger than this.",
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

JARGON = {
    "2xx": "HTTP statuses from 200 to 299: success.",
    "5xx": "HTTP statuses from 500 to 599: the provider failed.",
    "Retry-After": "A header of a provider's answer: how long to wait before the next try.",
    "circuit breaker": "A part of a chain that leaves out a provider for a while after it has failed often.",
    "cooldown": "The time for which a chain leaves out a provider that has failed.",
    "finish reason": "What a model's answer ends with: why it ended. Without one the answer was cut.",
    "jitter": "A random part of a wait, so that many callers do not come back at the same moment.",
    "exponential backoff": "Waits before retries that grow each time.",
    "model group": "LiteLLM's word for deployments that share a `model_name`: it picks one of them.",
    "deployment": "LiteLLM's word for one model at one provider.",
    "deadline": "How long a caller waits for the whole answer before giving up.",
    "num_retries": "A setting of LiteLLM's: how often it tries again before it falls back.",
    "allowed_fails": "A setting of LiteLLM's: after how many failures it leaves out a deployment for a while.",
    "cooldown_time": "A setting of LiteLLM's: for how many seconds it leaves out a deployment.",
    "router_settings": "The part of LiteLLM's configuration with its retries, fallbacks and cooldowns.",
    "stream_timeout": "A setting of LiteLLM's: how long it waits for a stream.",
    "fallbacks": "A setting of LiteLLM's: which models it tries after one has failed.",
    "p50": TERMS["p50"],
    "p95": TERMS["p95"],
    "p99": TERMS["p99"],
}
"""Words in our own sentences that not every reader knows."""
_STATUS = re.compile(r"(?<=answered )[1-5]\d\d\b")
_WORDS = re.compile("|".join([_STATUS.pattern, *(rf"(?<![\w-]){re.escape(word)}(?![\w-])" for word in JARGON)]))


def with_jargon_explained(text: str) -> str:
    """Return plain text as HTML in which each word of JARGON, and each status that was answered, explains itself once."""
    used: set[str] = set()

    def explain(found: re.Match[str]) -> str:
        word = found[0]
        if word in used:
            return word
        used.add(word)
        return explained(word, JARGON[word] if word in JARGON else _status(int(word)))

    return _WORDS.sub(explain, escape(text))


def _status(code: int) -> str:
    try:
        return f"HTTP status {code}: {HTTPStatus(code).phrase.lower()}."
    except ValueError:
        return f"HTTP status {code}: {'the provider failed' if code >= 500 else 'the request was refused'}."


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
