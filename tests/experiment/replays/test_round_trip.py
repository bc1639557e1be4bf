"""A simulated outage, exported, read as telemetry and played against the same chain: its shares and its times are those that were played."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness import sim
from harness.chain import Chain
from harness.chain.home import AT_HOME
from harness.experiment.prepare import opened
from harness.experiment.replays.recording import recorded
from harness.export.otlp import write_file
from harness.export.spans import resource, spans
from harness.export.tables import write_tables
from harness.incident import Incident
from harness.incident.cutting import Cut
from harness.incident.variants import BEFORE_NS, hits, variants
from harness.judge import RunData
from harness.provider.inject import Inject
from harness.scenario import Fault, Scenario, compile_plan
from harness.scenario.schema import Load

S = 10**9
ORIGIN_NS = 1_780_000_000 * S
RATE = 10.0
CHAIN = """\
name: ours
driver: reference
providers:
  openai-eu: {dialect: openai, model: gpt-4o}
  claude: {dialect: anthropic, model: claude-sonnet-4-5}
order: [openai-eu, claude]
"""
PLAYED = (
    Fault(on="openai-eu", at=120 * S, for_=120 * S, inject=Inject(status=503), share=0.15),
    Fault(on="openai-eu", at=240 * S, for_=120 * S, inject=Inject(status=503), share=0.45),
    Fault(on="claude", at=130 * S, for_=230 * S, inject=Inject(connection="reset"), share=0.4),
)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """Return a chain of two vendors."""
    path = tmp_path_factory.mktemp("chain") / "chain.yaml"
    path.write_text(CHAIN, "utf-8")
    return opened(path, AT_HOME)


@pytest.fixture(scope="module")
def run(chain: Chain) -> RunData:
    """Return a run of three faults."""
    phases = {"before": 120 * S, "incident": 240 * S, "after": 120 * S}
    return simulated(Scenario(name="x", load=Load(rate=RATE, deadline=30 * S), phases=phases, faults=PLAYED), chain)


def simulated(scenario: Scenario, chain: Chain) -> RunData:
    """Return a simulated run."""
    plan = compile_plan(scenario, chain, ())
    return RunData.of(plan, sim.run(plan, chain).history)


def share(run: RunData, provider: str, begin_ns: float, end_ns: float) -> tuple[float, float]:
    """Return which share of a provider's attempts failed in a time, and its standard error."""
    table = run.columns.history.attempts
    here = table[(table["provider"] == provider) & table["start_ns"].between(begin_ns, end_ns, inclusive="left")]
    failed = (here["outcome"] != "ok").to_numpy()
    return float(failed.mean()), float(np.sqrt(max(failed.mean() * (1 - failed.mean()), 0.01) / len(failed)))


def exported(run: RunData, form: str, folder: Path) -> Path:
    """Return the file of a run's calls."""
    if form == "otlp":
        write_file(folder / "traces.jsonl", resource(run, "run", "1"), spans(run, "run", ORIGIN_NS))
        return folder / "traces.jsonl"
    write_tables(run, folder, "csv" if form == "csv" else "jsonl", ORIGIN_NS)
    return folder / f"attempts.{form}"


WINDOWS = (("openai", 2), ("openai", 4), ("anthropic", 2))
"""Of each fault, its vendor and the minute of its begin."""


def measured(run: RunData, form: str, folder: Path) -> tuple[Incident, float]:
    """Return the incident that is read from an exported run, and how long after the run's begin it began, in nanoseconds."""
    (incident,) = recorded(exported(run, form, folder), None).incidents.values()
    return incident, incident.start.timestamp() * S - ORIGIN_NS


@pytest.mark.parametrize("form", ["csv", "jsonl", "otlp"])
def test_an_exported_run_is_the_outage_that_was_played(form: str, run: RunData, tmp_path: Path) -> None:
    """Each fault is a window with its edges and its share."""
    incident, later_ns = measured(run, form, tmp_path)
    found = {(window.on[0], round((window.at + later_ns) / S / 60)): window for window in incident.windows}
    assert found.keys() == set(WINDOWS)
    for fault, key in zip(PLAYED, WINDOWS, strict=True):
        window = found[key]
        assert abs(window.at + later_ns - fault.at) < 15 * S
        assert abs(window.end_ns + later_ns - fault.at - fault.for_) < 15 * S
        true, error = share(run, fault.on, fault.at, fault.at + fault.for_)
        assert window.share.low - error <= true <= window.share.high + error


def test_played_again_providers_fail_in_the_measured_share(run: RunData, chain: Chain, tmp_path: Path) -> None:
    """At both ends of the band, within four standard errors."""
    incident, _ = measured(run, "otlp", tmp_path)
    found = hits({"x": incident}, chain)
    cut = Cut(settle=60 * S, sample=600 * S, tail=30 * S)
    played = {
        each.share: simulated(each.scenario, chain)
        for each in variants("x", "x", found, Load(rate=5.0, deadline=30 * S), cut)
        if not each.retry_after
    }
    assert played.keys() == {"low", "high"}
    for hit in found:
        begin_ns = BEFORE_NS + hit.window.at
        for end, wanted in (("low", hit.window.share.low), ("high", hit.window.share.high)):
            got, error = share(played[end], hit.providers[0], begin_ns, begin_ns + hit.window.for_)
            assert abs(got - wanted) < 4 * error
