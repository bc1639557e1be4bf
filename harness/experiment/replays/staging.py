"""What of some incidents is played on a chain: which are played together, which hit it, how much of each, and what callers do meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from harness.chain import Chain
from harness.chain.driver import driver_of
from harness.errors import UsageError
from harness.experiment.replays.choosing import ChosenIncidents
from harness.experiment.sim_run import simulable
from harness.incident.cutting import Cut
from harness.incident.schema import Incident
from harness.provider.dialects import vendor_of
from harness.provider.spec import Provider, ReplySpec
from harness.scenario.schema import Load

RATE = 2.0
"""Requests per second."""
DEADLINE_NS = 30 * 10**9
STREAMING = 0.2
"""Share of the requests that stream: some faults, and timeouts of streams, are of streams alone."""
ANSWER = ReplySpec(ttft=10**9, tokens=9, tokens_per_second=2)
"""Of providers whose file does not say how they answer: 5 s. A mock's usual 0.15 s would make any timeout look free."""
SAMPLE_NS = 120 * 10**9
_COOLDOWNS = 3
_COOLDOWN_LEAST_NS = 5 * 10**9


def playable(chain: Chain) -> None:
    """See that incidents can be played on a chain, which happens in virtual time alone.

    Raises:
        UsageError: They cannot.
    """
    try:
        simulable(chain)
    except UsageError as error:
        hint = "play the litellm-config.yaml of a proxy by itself; what else hosts a chain can only run a scenario, live: harness run"
        raise UsageError(error.problem, where=error.where, known=error.known, hint=hint) from None


def callers(rate: float = RATE, deadline_ns: int = DEADLINE_NS) -> Load:
    """Return what callers do in an incident.

    Args:
        rate: Requests per second.
        deadline_ns: How long each waits, in nanoseconds.
    """
    return Load(rate=rate, deadline=deadline_ns, streaming=STREAMING)


def as_played(chain: Chain) -> Chain:
    """Return a chain whose providers take as long for an answer as real ones may, unless its file says how long they take."""
    usual = ReplySpec()
    providers = {
        name: replace(provider, reply=ANSWER) if provider.reply == usual else _in_few_pieces(provider)
        for name, provider in chain.providers.items()
    }
    return replace(chain, providers=providers)


def _in_few_pieces(provider: Provider) -> Provider:
    """Return a provider whose answers take as long and cost as much in fewer tokens: most of the work of a replay is their streams."""
    reply = provider.reply
    if reply.tokens <= ANSWER.tokens:
        return provider
    speed = reply.tokens_per_second * (ANSWER.tokens - 1) / (reply.tokens - 1)
    price = provider.price
    if price is not None:
        price = replace(price, output=price.output * reply.tokens / ANSWER.tokens)
    return replace(provider, reply=replace(reply, tokens=ANSWER.tokens, tokens_per_second=speed), price=price)


def cut_for(chain: Chain, load: Load, sample_ns: int = SAMPLE_NS) -> Cut:
    """Return how much is played between two edges: a few of the chain's longest cooldowns, and as long as a request may take.

    Args:
        chain: The chain.
        load: What callers do.
        sample_ns: How long the sample is that stands for what is left out.
    """
    cooldown_ns = max([_COOLDOWN_LEAST_NS, *driver_of(chain).facts(chain).cooldown_ns.values()])
    return Cut(settle=_COOLDOWNS * cooldown_ns + load.deadline, sample=sample_ns, tail=load.deadline)


def together(chosen: ChosenIncidents) -> list[dict[str, Incident]]:
    """Return the incidents that are played together, in groups: those that name each other, though only one was chosen."""
    groups: list[dict[str, Incident]] = []
    placed: set[str] = set()
    for name in chosen.incidents:
        if name in placed:
            continue
        group: dict[str, Incident] = {}
        waiting = [(name, name)]
        while waiting:
            of, each = waiting.pop()
            if each not in group:
                group[each] = chosen.companion(of, each)
                waiting += [(each, other) for other in group[each].with_]
        placed.update(group)
        groups.append(dict(sorted(group.items(), key=lambda item: item[1].start)))
    return groups


def why_missed(group: Mapping[str, Incident], chain: Chain) -> str:
    """Return why incidents hit no provider of a chain, in words that follow their number."""
    windows = [window for incident in group.values() for window in incident.windows]
    if not any(window.inject for window in windows):
        return "that no fault can play"
    vendors = {vendor_of(provider) for provider in chain.providers.values()}
    if any(not vendors.isdisjoint(window.on) for window in windows):
        return "of models that the chain does not ask for"
    return "of vendors that the chain does not have"
