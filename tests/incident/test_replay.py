"""Incidents on a chain: who is hit, in which ways, and what it comes to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from harness import sim
from harness.chain import Chain
from harness.chain.home import AT_HOME
from harness.experiment.prepare import opened
from harness.incident.cutting import Cut
from harness.incident.numbers import OutageNumbers, outage_numbers
from harness.incident.schema import Incident, IncidentWindow, ShareBand
from harness.incident.variants import RETRY_AFTER_NS, Variant, hits, of_any_model, variants
from harness.judge import RunData
from harness.provider.inject import Inject
from harness.scenario import compile_plan
from harness.scenario.schema import Load

S = 10**9
COOLING = """\
model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_key: sk-none}
router_settings: {allowed_fails: 2, cooldown_time: 10, num_retries: 0}
"""
CUT = Cut(settle=60 * S, sample=60 * S, tail=30 * S)
WHOLE = Cut(settle=60 * S, sample=60 * S, tail=10**6 * S)


def incident(*windows: IncidentWindow) -> Incident:
    """Return an incident of some windows."""
    return Incident(
        title="It failed",
        lesson="it fails",
        start=datetime(2025, 1, 1, tzinfo=UTC),
        windows=windows,
        times="stated",
        precision="minute",
        account="provider",
        sources=("https://status.example",),
    )


def window(
    *inject: Inject,
    on: Sequence[str] = ("openai",),
    at_s: int = 0,
    for_s: int = 300,
    share: tuple[float, float] = (1.0, 1.0),
    models: tuple[str, ...] | None = None,
) -> IncidentWindow:
    """Return a window."""
    return IncidentWindow(
        on=tuple(on), at=at_s * S, for_=for_s * S, inject=inject, share=ShareBand(*share), models=models
    )


@pytest.fixture(scope="module")
def cooling(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """Return a LiteLLM Router that cools its only deployment down after three failures in a minute."""
    path = tmp_path_factory.mktemp("chain") / "litellm-config.yaml"
    path.write_text(COOLING, "utf-8")
    return opened(path, AT_HOME)


def ways(found: Incident, chain: Chain, cut: Cut = CUT) -> list[Variant]:
    """Return the ways in which an incident may have been."""
    load = Load(rate=2.0, deadline=30 * S)
    return list(variants("x", "It failed", hits({"x": found}, chain), load, cut))


def test_each_thing_that_nobody_knows_is_played_both_ways(cooling: Chain) -> None:
    """Both ends of a band, each fault that it may have been, and refusals with and without a Retry-After."""
    found = ways(incident(window(Inject(status=503), Inject(status=500), share=(0.1, 0.5))), cooling)
    seen = {
        (
            each.scenario.faults[0].share,
            each.scenario.faults[0].inject.status,
            each.scenario.faults[0].inject.retry_after,
        )
        for each in found
    }
    assert seen == {
        (share, *rest) for share in (0.1, 0.5) for rest in ((503, None), (503, RETRY_AFTER_NS), (500, None))
    }


def test_what_is_known_is_played_once(cooling: Chain) -> None:
    """A stated share of one kind of failure leaves nothing open."""
    assert len(ways(incident(window(Inject(status=500), share=(0.5, 0.5))), cooling)) == 1


@pytest.mark.parametrize(
    ("on", "models", "hit"),
    [
        (("openai",), None, True),
        (("openai",), ("gpt-4o",), True),
        (("openai",), ("GPT-4o",), True),
        (("openai",), ("gpt-4",), False),
        (("anthropic",), None, False),
        (("anthropic", "openai"), None, True),
    ],
)
def test_a_window_hits_its_vendors_and_models(
    cooling: Chain, on: tuple[str, ...], models: tuple[str, ...] | None, *, hit: bool
) -> None:
    """`gpt-4` is another model than `gpt-4o`."""
    assert bool(hits({"x": incident(window(Inject(status=500), on=on, models=models))}, cooling)) is hit


def test_an_incident_of_other_models_can_be_played_as_if_it_had_hit_all(cooling: Chain) -> None:
    """Its vendor must be one of the chain's all the same."""
    other, elsewhere = (
        of_any_model(incident(window(Inject(status=500), on=on, models=("gpt-3",))))
        for on in (("openai",), ("anthropic",))
    )
    assert (len(hits({"x": other}, cooling)), len(hits({"x": elsewhere}, cooling))) == (1, 0)
    assert other.title == "As if it had hit your models: It failed"


def test_what_no_fault_can_play_hits_nobody(cooling: Chain) -> None:
    """A wrong answer that looks right."""
    assert not hits({"x": incident(window())}, cooling)


def numbers(found: Incident, chain: Chain, cut: Cut) -> OutageNumbers:
    """Play the only way in which an incident may have been."""
    (variant,) = ways(found, chain, cut)
    plan = compile_plan(variant.scenario, chain, ())
    return outage_numbers(RunData.of(plan, sim.run(plan, chain).history), variant.parts)


def test_cut_and_whole_come_to_the_same_per_minute(cooling: Chain) -> None:
    """Cooldowns count failures in a minute: had the rate been thinned, this chain would hardly ever cool down."""
    failing = incident(window(Inject(status=500), for_s=420, share=(0.5, 0.5)))
    cut, whole = (numbers(failing, cooling, how) for how in (CUT, WHOLE))

    assert cut.unserved_ns.low <= whole.unserved_ns.value <= cut.unserved_ns.high
    assert cut.unserved_ns.value == pytest.approx(whole.unserved_ns.value, rel=0.1)
    assert whole.unserved_ns.low == whole.unserved_ns.high
    assert cut.attempts == pytest.approx(whole.attempts, rel=0.25)
    assert cut.requests == whole.requests


def test_an_outage_of_the_only_provider_loses_every_request_of_its_time(cooling: Chain) -> None:
    """And some more, until its cooldown is over."""
    found = numbers(incident(window(Inject(status=500), for_s=3600)), cooling, CUT)
    assert 3600 * S <= found.unserved_ns.value <= 3615 * S
    assert found.lost.value == pytest.approx(2 * found.unserved_ns.value / S)


def test_shares_at_the_same_time_add_up(cooling: Chain) -> None:
    """Three quarters of one failure and one quarter of another leave nobody unharmed, while both last; a later one alone keeps its share."""
    found = incident(
        window(Inject(status=500), for_s=600, share=(0.75, 0.75)),
        window(Inject(status=502), for_s=300, share=(0.25, 0.25)),
        window(Inject(status=400), at_s=300, for_s=600, share=(0.2, 0.2)),
    )
    (variant,) = ways(found, cooling)
    seen = [(fault.inject.status, fault.share) for fault in variant.scenario.faults]
    assert seen == [(500, 0.75), (502, 1.0), (400, pytest.approx(0.8)), (400, 0.2)]


def test_more_than_all_is_all(cooling: Chain) -> None:
    """The high ends of two bands may add up to more than there is."""
    found = incident(window(Inject(status=500), share=(1.0, 1.0)), window(Inject(status=502), share=(0.5, 0.5)))
    (variant,) = ways(found, cooling)
    assert [fault.inject.status for fault in variant.scenario.faults] == [500]
