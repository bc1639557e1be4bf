"""The catalogue: what it covers, what it costs, and that its expectations can be answered."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import get_args

import jsonschema
import pytest
from ruamel.yaml import YAML

from harness.errors import UsageError
from harness.experiment.prepare import Loaded, load
from harness.judge.advice import requests_needed
from harness.judge.tables.outages import merged
from harness.provider.fault_kind import Aspect
from harness.provider.faults import FAULTS
from harness.provider.kinds import Kind
from harness.quantities import S
from harness.scenario import Expectation, Plan, Window
from harness.scenario.json_schema import schemas
from scripts.catalogue import PAGE, page

ROOT = Path(__file__).parents[2]
FILES = {path.stem: path for path in sorted((ROOT / "scenarios" / "catalogue").glob("*.yaml"))}
SEEDS = (1, 2, 3, 4, 5)

TOPICS = {
    "429 with Retry-After": "rate-limit-retry-after",
    "429 without Retry-After": "rate-limit-no-hint",
    "Retry-After as a date": "rate-limit-http-date",
    "Retry-After in milliseconds only": "rate-limit-milliseconds",
    "Retry-After longer than anybody waits": "rate-limit-too-long",
    "quota 429 that must not be retried": "quota-exhausted",
    "spend limit": "spend-limit",
    "500 once": "server-error-once",
    "503 persistent": "unavailable",
    "529": "overloaded",
    "reset": "connection-reset",
    "refused": "connection-refused",
    "closed before the headers": "connection-closed",
    "silent provider": "silent-provider",
    "slow and throttled connection": "network-slow",
    "slow first token": "slow-first-token",
    "slow tokens": "slow-tokens",
    "stream cut": "stream-cut",
    "plain answer cut": "answer-cut",
    "stall": "stream-stall",
    "malformed chunk": "stream-malformed",
    "no [DONE]": "stream-no-done",
    "end without a finish reason": "stream-ends-early",
    "error in the stream": "stream-error",
    "keep-alive comments": "stream-keepalive",
    "empty answer": "stream-empty",
    "success of the wrong shape": "success-of-the-wrong-shape",
    "context length": "context-length",
    "content filter": "content-filter",
    "auth failure": "auth-failure",
    "fallback target down too": "fallback-down-too",
    "everything down": "everything-down",
    "flapping primary": "flapping-primary",
    "brownout": "brownout",
    "the cascade": "fallback-quota",
    "caller leaves early": "caller-leaves-early",
    "thundering herd on recovery": "recovery-herd",
    "a rate limit before a call of tools": "tools-rate-limited",
    "a stream cut inside a tool's arguments": "tools-stream-cut",
    "arguments that are no JSON": "tools-malformed",
    "a conversation carried to another vendor": "conversation-rate-limited",
    "a conversation in an outage of two providers": "conversation-outage",
    "a prompt cache that an outage throws away": "prompt-cache-outage",
    "a conversation that moves between vendors": "conversation-hops",
    "embeddings: 429": "embeddings-rate-limited",
    "embeddings: 500": "embeddings-outage",
    "embeddings: another model": "embeddings-other-model",
    "embeddings: one vector too few": "embeddings-too-few",
    "embeddings: slow": "embeddings-slow",
    "responses: 503": "responses-outage",
    "responses: stream cut": "responses-stream-cut",
    "responses: error in the stream": "responses-stream-error",
    "messages: 529": "messages-overloaded",
    "messages: error in the stream": "messages-stream-error",
    "messages: stream cut": "messages-stream-cut",
    "messages: 429 with Retry-After": "messages-rate-limited",
    "the same callers again and again": "same-callers-fail",
    "one model of several": "other-model-untouched",
    "a burst of several kinds": "burst-of-agents",
}

# LiteLLM with its usual two retries, which needs about 20 ms of CPU for an attempt that fails: several scenarios run side by side.
ATTEMPTS = 3
FAILING_PER_S_MAX = 18.0
RATE_MAX = 5.0
STREAMING_RATE_MAX = 2.0
LENGTH_S_MAX = 75.0
LENGTHS_S = {"flapping-primary": 120.0}
TOTAL_S_MAX = 50 * 60.0
BASELINE_REQUESTS_MIN = 10
ON_PLAIN_ANSWERS_TOO = {"cut", "reset", "stall"}

each = pytest.mark.parametrize("name", FILES)


@cache
def loaded(name: str, seed: int = 1) -> Loaded:
    """Load a scenario of the catalogue."""
    return load(FILES[name], seed=seed)


def windows(name: str) -> tuple[Window, ...]:
    """Return a scenario's fault windows."""
    return loaded(name).plan.timeline.windows


@each
def test_a_file_says_what_breaks_what_is_right_and_where_it_was_seen(name: str) -> None:
    """In plain words, with a link; the file's own comment explains what its limits mean for a good chain."""
    scenario = loaded(name).scenario
    assert scenario.name == name
    assert scenario.seed == 1
    assert scenario.title
    assert len(scenario.fault) > 20
    assert scenario.correct.startswith("A good chain")
    assert re.search(r"https://[\w.-]+/\S+", scenario.seen)
    comment = FILES[name].read_text().partition("\nname: ")[0]
    assert all(line.startswith("# ") for line in comment.splitlines())
    assert len(comment) > 30


@each
def test_a_file_fits_the_schema(name: str) -> None:
    """What the loader takes, the editor does not underline."""
    jsonschema.validate(YAML(typ="safe", pure=True).load(FILES[name].read_text()), schemas()["scenario.schema.json"])


@each
def test_a_file_runs_on_any_chain(name: str) -> None:
    """Faults name roles, never providers, so that a LiteLLM configuration does as well as our chain, if it has embeddings."""
    for fault in loaded(name).scenario.faults:
        assert re.fullmatch(r"(primary|fallback-\d|fallbacks|all)( of gpt-4)?", fault.on)
    chain = ROOT / "scenarios" / "chains" / "litellm-config.yaml"
    if any(part.kind == "embeddings" for part in loaded(name).plan.parts):
        with pytest.raises(UsageError, match="embeds no texts"):
            load(FILES[name], chain=chain)
    else:
        assert load(FILES[name], chain=chain).plan.timeline.windows


def test_every_kind_of_request_is_broken() -> None:
    """In some scenario each."""
    assert {part.kind for name in FILES for part in loaded(name).plan.parts} == set(get_args(Kind))


def test_every_topic_has_its_file() -> None:
    """None is missing, and none is there that the list does not know."""
    assert sorted(TOPICS.values()) == sorted(FILES)


def test_every_aspect_of_an_answer_is_changed() -> None:
    """And a slow first token, slow tokens, a body, each way to send a delay."""
    injects = [window.inject for name in FILES for window in windows(name)]
    assert {inject.fault_kind.aspect for inject in injects} == set(get_args(Aspect))
    assert any(inject.ttft for inject in injects)
    assert any(inject.tokens_per_second for inject in injects)
    assert any(inject.body for inject in injects)
    assert {inject.retry_after_as for inject in injects} >= {"date", "ms"}


@each
def test_faults_of_streams_meet_streams(name: str) -> None:
    """A window that can never fire would make every run inconclusive."""
    arrivals = loaded(name).plan.arrivals
    for window in windows(name):
        within = [a for a in arrivals if window.start_ns <= a.scheduled_ns < window.end_ns]
        assert within
        streams = sum(arrival.streaming for arrival in within)
        if window.streaming or (window.inject.stream and window.inject.stream not in ON_PLAIN_ANSWERS_TOO):
            assert streams >= 10
        if window.streaming is False:
            assert len(within) - streams >= 10


@each
@pytest.mark.parametrize("seed", SEEDS)
def test_there_are_requests_enough_to_decide(name: str, seed: int) -> None:
    """A chain that does everything right is never left without an answer for want of samples."""
    plan = loaded(name, seed).plan
    for expectation in plan.expectations:
        assert samples(plan, expectation) >= (requests_needed(expectation) or 1), expectation.text


def samples(plan: Plan, expectation: Expectation) -> int:
    """Return how many requests an expectation is about."""
    mine = [
        arrival
        for arrival in plan.arrivals
        if expectation.phase in (None, arrival.phase) and expectation.kind in (None, plan.parts[arrival.part].kind)
    ]
    return sum(a.streaming for a in mine) if expectation.metric == "ttft" else len(mine)


@pytest.mark.parametrize(("text", "enough"), [("success_rate", 73), ("latency", 72), ("amplification", 5)])
def test_what_is_needed_is_what_the_judge_needs(text: str, enough: int) -> None:
    """The numbers of the reference: 73 for a rate of 95 %, 72 for a p95, 5 for a mean."""
    (found,) = {requests_needed(e) for e in loaded("unavailable").plan.expectations if e.metric == text}
    assert found == enough


@each
def test_a_recovery_is_watched_for_long_enough(name: str) -> None:
    """A recovery that is too slow is distinguished from one that the run was too short for."""
    plan = loaded(name).plan
    last_ns = max((window.end_ns for window in plan.timeline.at(plan.chain.order[0])), default=plan.end_ns)
    for expectation in plan.expectations:
        if expectation.metric == "time_to_recover":
            assert plan.end_ns - last_ns >= (expectation.target or 0)
        if expectation.metric == "primary_attempts_in_outage":
            assert merged(plan, plan.chain.order[:1], dead=True)


def told_to_wait(plan: Plan) -> bool:
    """Return whether some answer has a Retry-After."""
    return any(w.inject.retry_after or w.inject.limit for w in plan.timeline.windows)


def answered(*statuses: int) -> Callable[[Plan], bool]:
    """Return whether every attempt at some provider, every plain one or every one of some callers gets one of these statuses."""
    return lambda plan: any(
        w.inject.status in statuses and (w.share >= 1 or w.share_by == "caller") for w in plan.timeline.windows
    )


def used_up(plan: Plan) -> bool:
    """Return whether a provider's answer is that a quota or spend limit is used up."""
    return any(w.inject.error in {"quota", "spend_limit"} for w in plan.timeline.windows)


def all_dead(plan: Plan) -> bool:
    """Return whether nobody can serve at some time."""
    return all(merged(plan, [name], dead=True) for name in plan.chain.order)


def broken_off(plan: Plan) -> bool:
    """Return whether answers break off that had begun, or lack a part."""
    return any(w.inject.stream in {"cut", "reset"} or w.inject.answer for w in plan.timeline.windows)


# What must happen in a run, whatever the chain does, for `no ID` to have an answer. Checks that a good chain may leave
# without anything to look at, or a busy machine without an answer, are not asked for: they fail a run unasked.
SHOWABLE: dict[str, Callable[[Plan], bool]] = {
    "retry_after_ignored": told_to_wait,
    "non_retryable_retried": answered(400, 401, 403, 404, 413, 422),
    "quota_retried": used_up,
    "error_swallowed": all_dead,
    "truncated_as_success": broken_off,
    "duplicated_content": broken_off,
    "truncated_tool_call": lambda plan: any(part.kind == "tools" for part in plan.parts),
    "history_rejected": lambda plan: any(part.kind == "conversation" for part in plan.parts),
    "mixed_vectors": lambda plan: any(part.kind == "embeddings" and part.inputs > 1 for part in plan.parts),
    "hang": lambda plan: plan.load.deadline > 5 * S,
    "wrong_order": lambda plan: bool(merged(plan, plan.chain.order[:1], dead=True)),
    "retry_storm": lambda _plan: True,
}


@each
def test_a_check_that_is_asked_for_has_something_to_look_at(name: str) -> None:
    """`no ID` with no request that could have shown it would be inconclusive for every chain."""
    plan = loaded(name).plan
    assert plan.expectations
    for expectation in plan.expectations:
        if expectation.finding is not None:
            assert SHOWABLE[expectation.finding](plan), expectation.text


@each
def test_the_baseline_is_judged(name: str) -> None:
    """Ten requests end before the first fault, so that an unsteady start is seen."""
    plan = loaded(name).plan
    until_ns = min(window.start_ns for window in plan.timeline.windows) - 1.5 * S
    assert sum(arrival.scheduled_ns < until_ns for arrival in plan.arrivals) >= BASELINE_REQUESTS_MIN


@each
def test_a_scenario_keeps_its_budget(name: str) -> None:
    """Several of them share two cores: few requests, few attempts that fail, and no longer than needed."""
    plan = loaded(name).plan
    assert plan.load.peak_rate <= RATE_MAX
    assert plan.load.peak_rate * plan.load.streamed <= STREAMING_RATE_MAX
    assert plan.end_ns / S <= LENGTHS_S.get(name, LENGTH_S_MAX)
    for phase in plan.phases:
        assert plan.load.peak_rate * plan.load.turns * failing(plan, phase.start_ns) <= FAILING_PER_S_MAX


def failing(plan: Plan, at_ns: int) -> float:
    """Return how many attempts of a request fail at a time, at most, if every provider is tried three times."""
    deadly = {kind for kind, fault in FAULTS.own.items() if fault.aspect in ("instead", "listener") and fault.fails}
    total = 0.0
    for provider in plan.chain.order:
        now = [w for w in plan.timeline.at(provider) if w.start_ns <= at_ns < w.end_ns and w.inject.kind in deadly]
        total += ATTEMPTS * max((w.share for w in now), default=0.0)
        if not any(w.share >= 1 and w.inject.limit is None for w in now):
            break
    return total


def test_the_catalogue_keeps_its_budget() -> None:
    """A scorecard of all of it, six side by side, is a matter of minutes."""
    assert sum(loaded(name).plan.end_ns for name in FILES) / S <= TOTAL_S_MAX


def test_the_committed_page_is_the_generated_one() -> None:
    """`make schema` writes it; a changed scenario without it is caught here."""
    assert PAGE.read_text() == page()


@each
def test_what_is_closed_is_not_reset_too(name: str) -> None:
    """Where a provider's connections are reset, Toxiproxy makes a reset of every close as well."""
    plan = loaded(name).plan
    for provider in plan.chain.order:
        assert not (plan.timeline.resets(provider) and plan.timeline.closes(provider))
