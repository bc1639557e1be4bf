"""Two chains compared: what differs is found, shown by the smallest timeline, and nothing else is."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest

from harness.chain.home import ChainHome
from harness.errors import ExitCode, UsageError
from harness.experiment import ChainSide, chain_differences, compare_chains, trial
from harness.judge.comparison.changes import Trend
from harness.report.chain_comparison import BehaviourChange, ComparedChains
from harness.sim.search.sweep import sweep
from tests.experiment.files import NoProgress

CHAIN = """\
name: ours
driver: reference
providers:
  openai: {{dialect: openai, model: gpt-4}}
  azure: {{dialect: azure, model: gpt-4}}
order: [{order}]
retry: {{attempts: {attempts}, backoff: full-jitter}}
timeout: {timeout}
policy: {{breaker: {{failures: 100, open: 5s, probes: 1}}}}
"""
SCENARIO = """\
name: {name}
load: {{rate: 2/s, arrivals: constant, deadline: 20s}}
phases: {{before: 2s, fault: 10s}}
faults:
  - {{on: primary, during: fault, inject: {{status: 503}}}}
"""


def _chain(
    folder: Path, name: str, *, attempts: int = 2, timeout: str = "4s", order: str = "openai, azure"
) -> ChainSide:
    file = folder / f"{name}.yaml"
    file.write_text(CHAIN.format(attempts=attempts, timeout=timeout, order=order))
    return ChainSide(path=file)


def _compared(folder: Path, before: ChainSide, after: ChainSide, *, timelines: int = 0) -> ComparedChains:
    scenario = folder / "scenarios" / "outage.yaml"
    scenario.parent.mkdir(exist_ok=True)
    scenario.write_text(SCENARIO.format(name="outage"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chain_differences, "sweep", lambda space: islice(sweep(space), timelines))
        return compare_chains(
            before,
            after,
            reports=folder / "reports",
            progress=NoProgress(),
            command="harness compare",
            scenarios=[scenario],
            search_s=600,
        )


def test_a_chain_differs_from_itself_in_nothing(tmp_path: Path) -> None:
    """Its waits are drawn at random; the page and the JSON say that nothing changed."""
    side = _chain(tmp_path, "chain")
    compared = _compared(tmp_path, side, side, timelines=4)

    assert compared.changes == ()
    assert compared.scenarios == 1
    assert compared.timelines == 4
    assert compared.exit_code == ExitCode.PASS
    assert "no change" in compared.page.read_text()
    assert json.loads((compared.page.parent / "comparison.json").read_bytes())["changes"] == []


def test_one_more_try_is_found_and_shown_by_the_smallest_timeline(tmp_path: Path) -> None:
    """One caller and one fault: the file runs by itself, on either chain."""
    before, after = _chain(tmp_path, "old", attempts=1), _chain(tmp_path, "new", attempts=3)
    compared = _compared(tmp_path, before, after, timelines=2)

    worse = _change(compared, "attempts", "openai")
    assert worse.trend is Trend.WORSE
    assert compared.exit_code == ExitCode.FAIL
    assert worse.smallest.parent == compared.page.parent
    assert "phases: {faults: 2s}" in worse.yaml  # one caller
    assert worse.yaml.count("  - on:") == 1
    assert "attempts at openai: 1 → 3 for each request" in worse.sentence
    again = trial(worse.smallest, runs=tmp_path / "again", command="harness run")
    assert again.error is None


def test_what_only_a_scenario_shows_is_shown_by_the_scenario(tmp_path: Path) -> None:
    """Without a search there is no timeline; the scenario's own file is the smallest that is known."""
    compared = _compared(tmp_path, _chain(tmp_path, "old"), _chain(tmp_path, "new", attempts=1))

    fewer = _change(compared, "attempts", "openai")
    assert fewer.smallest.name == "outage.yaml"
    assert fewer.yaml == ""
    assert fewer.cause.endswith("outage.yaml")
    assert fewer.trend is Trend.BETTER
    assert compared.exit_code == ExitCode.PASS


def test_a_scenario_that_fits_one_chain_only_is_named(tmp_path: Path) -> None:
    """What cannot be compared is no difference, and no failure either."""
    before = _chain(tmp_path, "old")
    after = _chain(tmp_path, "new")
    after.path.write_text(after.path.read_text().replace("azure", "other").replace("dialect: other", "dialect: azure"))
    scenario = tmp_path / "scenarios" / "named.yaml"
    scenario.parent.mkdir()
    scenario.write_text(SCENARIO.format(name="named").replace("primary", "azure"))
    compared = compare_chains(
        before, after, reports=tmp_path / "reports", progress=NoProgress(), scenarios=[scenario], search_s=0
    )

    assert [each.fits for each in compared.not_compared] == [False]
    assert compared.exit_code == ExitCode.PASS


def test_chains_without_a_common_provider_are_refused(tmp_path: Path) -> None:
    """There is no plan that both could carry out."""
    before, after = _chain(tmp_path, "old"), _chain(tmp_path, "new")
    renamed = after.path.read_text().replace("openai:", "a:").replace("azure:", "b:").replace("openai, azure", "a, b")
    after.path.write_text(renamed)

    with pytest.raises(UsageError, match="no provider in common"):
        _compared(tmp_path, before, after)


def test_a_driver_without_virtual_time_is_refused(tmp_path: Path) -> None:
    """Before anything starts."""
    side = _chain(tmp_path, "old")
    file = tmp_path / "endpoint.yaml"
    file.write_text(
        "name: e\ndriver: endpoint\nproviders: {openai: {dialect: openai, model: gpt-4, listen: '127.0.0.1:18080'}}\norder: [openai]\n"
        "endpoint: {base_url: 'http://127.0.0.1:1/v1', model: gpt-4}\n"
    )

    with pytest.raises(UsageError, match="only a live run"):
        _compared(tmp_path, side, ChainSide(path=file))
    with pytest.raises(UsageError, match="does not go with"):
        _compared(tmp_path, ChainSide(path=side.path, home=ChainHome(litellm="1.90.0")), side)


def _change(compared: ComparedChains, aspect: str, subject: str) -> BehaviourChange:
    found = {each.effects[0].fact[::2]: each for each in compared.changes}
    assert (aspect, subject) in found, found.keys()
    return found[aspect, subject]
