"""Prompts that were paid in full at one provider while another one had them in its prompt cache."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.judge.findings.check_result import CheckResult, by_request, unsure
from harness.judge.findings.declaration import FindingKind
from harness.judge.remedies import Remedy, on_litellm
from harness.judge.run_data import RunData
from harness.judge.tables.columns import Bools, Floats, Ints, are_success
from harness.provider.prompt_cache import LIFETIME_NS, TOKENS_MIN
from harness.quantities import amount, plural


class _Prompts(NamedTuple):
    """Which requests begin alike.

    Attributes:
        group: A number for each request: those of one part of the load, with one prompt, at one turn of a conversation.
        first: The group of the first turn of each request's conversation.
    """

    group: Ints
    first: Ints


class _Prompted(NamedTuple):
    """Some attempts.

    Attributes:
        group: Of the prompt of each.
        start_ns: When each began.
    """

    group: Ints
    start_ns: Ints


class _Lost(NamedTuple):
    """What was paid in full although it was warm elsewhere.

    Attributes:
        attempt: The attempts that were paid.
        warm: The place of the provider that had most of each prompt in its cache.
        tokens: How many more than the one that answered.
        could: The requests whose prompt was in a cache when they were answered.
    """

    attempt: Ints
    warm: Ints
    tokens: Floats
    could: Bools


def _check(run: RunData) -> CheckResult:
    cached = np.nan_to_num(run.columns.attempts.floats("cached_tokens"))
    if not cached.any():
        return unsure("no provider reported tokens from a prompt cache")
    lost = _lost(run, cached)
    shown = np.zeros(len(run.columns.requests), dtype=bool)
    shown[run.columns.attempts.request[lost.attempt]] = True
    return by_request(
        run,
        shown=shown,
        could=lost.could,
        did="paid in full for tokens that another provider had in its prompt cache",
        nobody="no request came while its prompt was in a cache",
        note=f": {_words(run, lost)}" if shown.any() else "",
    )


def _lost(run: RunData, cached: Floats) -> _Lost:
    attempts, prompts = run.columns.attempts, _prompts(run)
    paid = np.flatnonzero(~attempts.failed & are_success(attempts.status))
    request = attempts.request[paid]
    most, warm = np.zeros(len(paid)), np.full(len(paid), -1)
    could = np.zeros(len(run.columns.requests), dtype=bool)
    before = run.columns.requests.before[request]
    for provider in range(len(run.columns.providers)):
        known = paid[(attempts.provider[paid] == provider) & (cached[paid] > 0)]
        if not len(known):
            continue
        # A turn whose turn before was answered elsewhere has only the beginning of its prompt in the cache here.
        followed = (before < 0) | (run.journeys.served_by[before] == provider)
        group = np.where(followed, prompts.group[request], prompts.first[request])
        evidence = _Prompted(prompts.group[attempts.request[known]], attempts.start_ns[known].astype(np.int64))
        tokens = _warm(evidence, cached[known], _Prompted(group, attempts.start_ns[paid].astype(np.int64)))
        could[request[tokens >= TOKENS_MIN]] = True
        more = np.where(attempts.provider[paid] == provider, 0, tokens - cached[paid])
        warm[more > most] = provider
        most = np.maximum(most, more)
    found = most >= TOKENS_MIN
    return _Lost(paid[found], warm[found], most[found], could)


def _warm(evidence: _Prompted, cached: Floats, paid: _Prompted) -> Floats:
    """Return how many tokens of each paid prompt a provider had in its cache, by what it reported last for such a prompt.

    Args:
        evidence: Attempts at the provider that read from its cache.
        cached: How many tokens each of them read.
        paid: The attempts that were paid, anywhere.
    """
    order = np.lexsort((evidence.start_ns, evidence.group))
    group, start_ns = evidence.group[order], evidence.start_ns[order]
    span_ns = np.int64(max(start_ns.max(), paid.start_ns.max()) + 1)
    last = np.searchsorted(group * span_ns + start_ns, paid.group * span_ns + paid.start_ns, "left") - 1
    alike = (last >= 0) & (group[last] == paid.group) & (paid.start_ns - start_ns[last] < LIFETIME_NS)
    tokens: Floats = np.where(alike, cached[order][last], 0.0)
    return tokens


def _prompts(run: RunData) -> _Prompts:
    requests = run.columns.requests
    count, before = len(requests), requests.before
    turn = np.zeros(count, dtype=np.int64)
    first = np.arange(count)
    while (more := before[first] >= 0).any():
        turn[more] += 1
        first = np.where(more, before[first], first)
    arrivals = {
        arrival.request_id: (arrival.part, arrival.line, arrival.prompt_tokens) for arrival in run.plan.arrivals
    }
    numbers: dict[tuple[int, int, int | None], int] = {}
    prompt = np.array(
        [
            numbers.setdefault(arrivals.get(name, (0, 0, None)), len(numbers))
            for name in requests.pick("request_id", np.arange(count))
        ],
        dtype=np.int64,
    )
    group = prompt * (turn.max(initial=0) + 1) + turn
    return _Prompts(group, group[first])


def _words(run: RunData, lost: _Lost) -> str:
    """Return what it cost, and why it came to it."""
    failing, after = _causes(run, lost)
    names = [run.columns.providers[place] for place in np.unique(lost.warm)]
    prices = [run.plan.chain.providers[name].price if name in run.plan.chain.providers else None for name in names]
    usd = 0.0
    for name, price in zip(names, prices, strict=True):
        if price is not None and price.cache_read is not None:
            tokens = lost.tokens[lost.warm == run.columns.providers.index(name)].sum()
            usd += float(tokens) * (price.input - price.cache_read) / 1e6
    known = all(price is not None and price.cache_read is not None for price in prices)
    discount = f", a discount of {amount(usd, 'usd')}" if known else ""
    where = " or ".join(names)
    kinds = [
        (failing, f"while {where} failed or was under a fault, which is the price of the outage"),
        (after & ~failing, "after it was healthy again"),
        (~after & ~failing, "although no fault had been there"),
    ]
    split = "; ".join(f"{plural(int(mask.sum()), 'attempt')} {why}" for mask, why in kinds if mask.any())
    return f"{int(lost.tokens.sum()):,} tokens that {where} had{discount}; {split}"


def _causes(run: RunData, lost: _Lost) -> tuple[Bools, Bools]:
    """Return which attempts had to go elsewhere, as the warm provider was failing, and which came after it was healthy again."""
    attempts = run.columns.attempts
    at_ns = attempts.start_ns[lost.attempt]
    failing = np.zeros(len(at_ns), dtype=bool)
    after = np.zeros(len(at_ns), dtype=bool)
    for place in np.unique(lost.warm):
        mine = lost.warm == place
        failed = np.full(len(run.columns.requests), np.inf)
        there = attempts.failed & (attempts.provider == place)
        np.minimum.at(failed, attempts.request[there], attempts.start_ns[there])
        failing |= mine & (failed[attempts.request[lost.attempt]] < at_ns)
        for window in run.plan.timeline.at(run.columns.providers[place]):
            failing |= mine & (window.start_ns <= at_ns) & (at_ns < window.end_ns)
            after |= mine & (window.end_ns <= at_ns)
    return failing, after


PROMPT_CACHE_LOST = FindingKind(
    id="prompt_cache_lost",
    severity="advisory",
    shown_by="run",
    name="paid in full for a prompt that another provider had cached",
    meaning=f"At least {TOKENS_MIN:,} tokens of its prompt were paid in full at one provider, while another had them in its prompt"
    " cache: that one had read them from there less than 5 minutes before, for a request with the same prompt, or for the turn"
    " before of the same conversation. The message counts by itself what was paid while the other provider failed or was under a"
    " fault: that is the price of the outage, and not the chain's fault. The discount is that of the provider with the cache.",
    could="came while their prompt was in a provider's cache",
    remedy=Remedy(
        "Send requests that share a long beginning to one provider as long as it is healthy, and return to it soon after"
        " an outage. At Anthropic and Bedrock, mark the long beginning with `cache_control` or `cachePoint`.",
        on_litellm(
            "Put the deployments in an order instead of shuffling them, or turn on the `prompt_caching` pre-call check"
            " (`optional_pre_call_checks`), which returns to the deployment that has the prompt cached."
        ),
    ),
    check=_check,
)
