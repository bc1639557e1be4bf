"""What is valid but probably not meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.experiment.prepare import load
from harness.judge.advice import advice, ambiguous_targets, requests_needed
from harness.judge.grammar import parse
from harness.judge.intervals import needed_for_quantile, needed_for_rate
from harness.judge.metrics import QUANTILES

ROOT = Path(__file__).parents[2] / "scenarios"
SCENARIO = """\
name: s
chain: {chain}
load: {{rate: {rate}, arrivals: constant, streaming: 50%}}
phases: {{baseline: 4s, fault: 10s, recovery: {recovery}}}
faults:
  - {{on: primary, during: fault, inject: {{status: 503}}}}
  {fault}
expect: [{expect}]
"""


def advised(
    tmp_path: Path, *, rate: str = "10/s", recovery: str = "6s", fault: str = "", expected: str = ""
) -> list[str]:
    """Return all advice on a scenario, each with its place."""
    path = tmp_path / "s.yaml"
    chain = ROOT / "chains" / "reference.yaml"
    path.write_text(SCENARIO.format(chain=chain, rate=rate, recovery=recovery, fault=fault, expect=expected))
    return [f"{'.'.join(map(str, each.place))}: {each.text}" for each in advice(load(path).plan)]


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.yaml")), ids=lambda path: path.stem)
def test_nothing_is_wrong_with_the_shipped_scenarios(path: Path) -> None:
    """Whoever copies one of them begins without a warning."""
    if "chains" not in path.parts:
        assert list(advice(load(path).plan)) == []


@pytest.mark.parametrize(
    ("rate", "recovery", "told"),
    [
        ("301/s", "1s", "load.rate: 301 requests/s: a live run was measured up to 300/s"),
        ("250/s", "400s", "load.rate: 103,500 requests: about 0.517 GB of memory"),
        ("0.1/s", "2h", "phases: a live run takes 2 h"),
    ],
)
def test_a_large_run_is_reported_with_its_figure(tmp_path: Path, rate: str, recovery: str, told: str) -> None:
    """How many requests, how much memory, how long."""
    (line,) = [line for line in advised(tmp_path, rate=rate, recovery=recovery) if not line.startswith("faults")]
    assert line.startswith(told)


@pytest.mark.parametrize(
    "fault",
    [
        "- {on: primary, at: 19999999999ns, for: 1ns, inject: {status: 503}}",
        "- {on: fallbacks, at: 4001ms, for: 90ms, inject: {delay: 1s}}",
    ],
)
def test_a_window_without_requests_is_reported(tmp_path: Path, fault: str) -> None:
    """Between two arrivals, or after the last one."""
    (line,) = advised(tmp_path, fault=fault)
    assert line.startswith("faults.1: none of the 200 requests begins while it lasts")


HIDDEN = "faults.1: never fires: as long as it lasts, faults[0] decides every attempt at openai"


@pytest.mark.parametrize(
    "fault",
    [
        "- {on: primary, during: fault, inject: {status: 429}}",
        "- {on: primary, at: 6s, for: 2s, share: 30%, inject: {connection: reset}}",
        "- {on: primary, during: fault, inject: {stream: cut}}",
        "- {on: primary, during: fault, inject: {ttft: 2s}}",
    ],
)
def test_a_hidden_fault_is_reported(tmp_path: Path, fault: str) -> None:
    """An earlier one answers every attempt, and an error has no stream that could be cut."""
    assert advised(tmp_path, fault=fault) == [HIDDEN]


@pytest.mark.parametrize(
    "fault",
    [
        "- {on: primary, during: fault, inject: {delay: 1s}}",
        "- {on: primary, at: 13s, for: 2s, inject: {status: 429}}",
        "- {on: all, during: fault, inject: {status: 429}}",
        "- {on: fallback-1, during: fault, inject: {status: 429}}",
        "- {on: primary, during: fault, inject: {connection: slow, delay: 1s}}",
    ],
)
def test_a_fault_that_can_fire_is_not_told(tmp_path: Path, fault: str) -> None:
    """It acts on something else, for longer, or somewhere else."""
    assert advised(tmp_path, fault=fault) == []


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ("{connection: refused}", "{delay: 1s}", True),
        ("{connection: refused}", "{connection: slow, delay: 1s}", False),
        ("{connection: slow, delay: 1s}", "{connection: slow, delay: 2s}", True),
        ("{connection: slow, delay: 1s}", "{connection: throttle, bytes_per_second: 1000}", False),
        ("{limit: {requests: 60/min}}", "{status: 503}", False),
        ("{stream: malformed}", "{stream: cut}", False),
        ("{stream: cut}", "{stream: malformed}", True),
        ("{delay: 1s}", "{delay: 2s}", True),
    ],
)
def test_which_fault_hides_which(tmp_path: Path, first: str, second: str, told: bool) -> None:
    """As the reference describes overlapping faults."""
    path = tmp_path / "s.yaml"
    text = SCENARIO.replace("{{status: 503}}", first.replace("{", "{{").replace("}", "}}"))
    fault = f"- {{on: primary, during: fault, inject: {second}}}"
    path.write_text(
        text.format(chain=ROOT / "chains/reference.yaml", rate="10/s", recovery="6s", fault=fault, expect="")
    )
    assert [each.place for each in advice(load(path).plan) if each.id == "fault_hidden"] == [("faults", 1)] * told


def test_several_faults_can_hide_one(tmp_path: Path) -> None:
    """One after the other, without a gap."""
    fault = (
        "- {on: primary, at: 14s, for: 6s, inject: {status: 500}}\n"
        "  - {on: primary, at: 8s, for: 12s, inject: {status: 429}}"
    )
    (line,) = advised(tmp_path, fault=fault)
    assert line == "faults.2: never fires: as long as it lasts, faults[0] and faults[1] decide every attempt at openai"


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        (
            "success_rate in fault >= 99%",
            "expect.0: cannot pass: it needs at least 381 requests, and phase 'fault' has 100",
        ),
        ("p99 latency < 5s", "expect.0: cannot pass: it needs at least 368 requests, and the run has 200"),
        ("success_rate <= 100%", "expect.0: always holds: no share is above 100%"),
        ("failed_requests >= 0", "expect.0: always holds: no value is below 0"),
        (
            "p50 latency < 90s",
            "expect.0: beyond the deadline of 60 s: the wait of a caller who leaves then is not observed further",
        ),
    ],
)
def test_an_expectation_that_says_nothing_is_reported(tmp_path: Path, expected: str, told: str) -> None:
    """It cannot pass with so few requests, or cannot fail."""
    assert advised(tmp_path, expected=expected) == [told]


@given(st.sampled_from([">=", ">", "<=", "<"]), st.integers(0, 10_000))
def test_the_requests_needed_are_those_of_the_judge(op: str, hundredths: int) -> None:
    """With all requests on the good side; the same number that a verdict names."""
    parsed = parse(f"success_rate {op} {hundredths / 100}%", [])
    assert parsed.op is not None
    assert parsed.target is not None
    needed = requests_needed(parsed)
    good = op in (">=", ">")
    smallest = needed_for_rate(parsed.op, parsed.target, hits=1 if good else 0, samples=1)
    assert needed == smallest


@given(st.sampled_from(sorted(QUANTILES)))
def test_the_requests_needed_for_a_quantile_are_those_of_the_judge(name: str) -> None:
    """Below that, its interval has no upper end."""
    parsed = parse(f"{name} latency < 5s", [])
    assert requests_needed(parsed) == needed_for_quantile(QUANTILES[name])


def test_a_deployment_with_the_name_of_its_group_is_reported(tmp_path: Path) -> None:
    """One of two peers fails, where both may have been meant."""
    chain, path = tmp_path / "litellm.yaml", tmp_path / "s.yaml"
    entry = "{model_name: gpt-4, litellm_params: {model: gpt-4, api_key: k}}"
    chain.write_text(f"model_list: [{entry}, {entry}]\n")
    for on, told in (("gpt-4", [("faults", 0, "on")]), ("gpt-4-2", []), ("[gpt-4, gpt-4-2]", [])):
        text = SCENARIO.format(chain=chain, rate="10/s", recovery="6s", fault="", expect="").replace("primary", on)
        path.write_text(text)
        loaded = load(path)
        assert [each.place for each in ambiguous_targets(loaded.scenario, loaded.chain)] == told
