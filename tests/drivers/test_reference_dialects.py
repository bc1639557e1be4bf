"""The reference chain against the edge's own providers, in virtual time: every dialect, plain and streaming."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.experiment.prepare import load
from harness.history import History
from harness.provider.dialects import DIALECTS
from harness.sim import run

FORMATS = ("openai", "anthropic", "gemini", "bedrock", "cohere", "ollama")
"""Those that differ in how an answer is written."""

CHAIN = """
name: two
driver: reference
providers:
  first: {{dialect: {first}, model: first-model, price: {{input: 1, output: 2}}}}
  second: {{dialect: {second}, model: second-model}}
order: [first, second]
retry: {{attempts: 1}}
timeout: 5s
policy: {{first_token: 2s, idle: 2s, breaker: {{failures: 1000}}, deadline: 20s}}
"""
SCENARIO = """
name: one-fault
chain: chain.yaml
load: {{rate: 4/s, streaming: {streaming}, deadline: 30s}}
phases: {{before: 2s, fault: 4s, after: 4s}}
faults:
  - on: primary
    during: fault
    inject: {inject}
"""


def _run(folder: Path, inject: str, *, streaming: bool, first: str = "openai", second: str = "anthropic") -> History:
    (folder / "chain.yaml").write_text(CHAIN.format(first=first, second=second), "utf-8")
    text = SCENARIO.format(inject=inject, streaming="100%" if streaming else "0%")
    (folder / "scenario.yaml").write_text(text, "utf-8")
    loaded = load(folder / "scenario.yaml")
    history = run(loaded.plan, loaded.chain).history
    assert history.lost == 0
    assert set(history.attempts["seen_by"]) <= {"both", "chain"}
    assert history.faults["fired"].sum() > 0
    return history


def _served(history: History) -> dict[tuple[str, str], int]:
    """Return how many requests of each phase each provider has served with a whole answer."""
    whole = history.requests[history.requests["complete"]]
    return {(str(phase), str(name)): len(rows) for (phase, name), rows in whole.groupby(["phase", "served_by"])}


@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("dialect", sorted(DIALECTS.own))
def test_every_dialect_is_spoken(dialect: str, streaming: bool, tmp_path: Path) -> None:
    """As the first provider and as the second; the answer is whole either way, and its price is known."""
    history = _run(tmp_path, "{status: 503}", streaming=streaming, first=dialect, second=dialect)

    phases = history.requests.groupby("phase").size()
    assert _served(history) == {
        ("before", "first"): phases["before"],
        ("fault", "second"): phases["fault"],
        ("after", "first"): phases["after"],
    }


@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("dialect", FORMATS)
@pytest.mark.parametrize(
    "inject",
    [
        "{status: 429, error: rate_limit, retry_after: 3s}",
        "{status: 429, error: quota}",
        "{status: 401, error: auth}",
        "{status: 500, body: '<html>oops</html>'}",
        "{status: 200, body: '<html>Sign in</html>'}",
        "{status: 200, body: ''}",
        "{status: 200, body: {error: {message: busy, code: 429}}}",
        "{status: 200, body: {choices: [], content: [], candidates: []}}",
        "{status: 200, body: '[1, null]'}",
        "{connection: reset}",
        "{connection: close}",
        "{connection: silent}",
        "{connection: refused}",
    ],
)
def test_what_is_no_answer_leads_to_the_next_provider(
    inject: str, dialect: str, streaming: bool, tmp_path: Path
) -> None:
    """Whatever the first one sends in its place, however it looks, callers get a whole answer."""
    history = _run(tmp_path, inject, streaming=streaming, first=dialect, second="openai")

    served = _served(history)
    assert sum(served.values()) == len(history.requests)
    assert set(served) >= {("fault", "second"), ("after", "first")}
    assert ("fault", "first") not in served


@pytest.mark.parametrize("dialect", FORMATS)
@pytest.mark.parametrize(
    ("inject", "outcome"),
    [
        ("{stream: cut, after_tokens: 0}", "cut"),
        ("{stream: reset, after_tokens: 0}", "reset"),
        ("{stream: end, after_tokens: 0}", "cut"),
        ("{stream: error_event, after_tokens: 0}", "malformed"),
        ("{stream: malformed, after_tokens: 0}", "malformed"),
        ("{stream: empty}", "malformed"),
        ("{stream: keepalive, after_tokens: 0, pause: 10s}", "timeout"),
        ("{stream: stall, after_tokens: 0, pause: 10s}", "timeout"),
        ("{ttft: 10s}", "timeout"),
    ],
)
def test_a_stream_that_breaks_before_its_first_token_is_somebody_elses(
    inject: str, outcome: str, dialect: str, tmp_path: Path
) -> None:
    """The caller got nothing of it, and the record has what became of it."""
    history = _run(tmp_path, inject, streaming=True, first=dialect, second="openai")

    assert _served(history)["fault", "second"] == (history.requests["phase"] == "fault").sum()
    touched = history.attempts[history.attempts["fault_id"].notna()]
    assert set(touched["outcome"]) == {outcome}


@pytest.mark.parametrize("dialect", FORMATS)
@pytest.mark.parametrize(
    ("inject", "whole"),
    [
        ("{stream: cut, after_tokens: 5}", False),
        ("{stream: end, after_tokens: 5}", False),
        ("{stream: error_event, after_tokens: 5}", False),
        ("{stream: stall, after_tokens: 5, pause: 10s}", False),
        ("{stream: keepalive, after_tokens: 5, pause: 10s}", False),
        ("{stream: stall, after_tokens: 5, pause: 1s}", True),
        ("{stream: no_usage}", True),
        ("{tokens_per_second: 2}", True),
    ],
)
def test_a_stream_that_has_begun_goes_on_or_ends_in_an_error(
    inject: str, whole: bool, dialect: str, tmp_path: Path
) -> None:
    """Nobody else is asked, half an answer is never sold as a whole one, and a slow one is not cut off."""
    history = _run(tmp_path, inject, streaming=True, first=dialect, second="openai")

    fault = history.requests[history.requests["phase"] == "fault"]
    assert set(fault["complete"]) == {whole}
    assert set(fault["outcome"]) == {"ok"} if whole else "ok" not in set(fault["outcome"])
    assert set(history.attempts["provider"]) == {"first"}
