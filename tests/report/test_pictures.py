"""Pictures: right in what they say, whole in what they are, whatever the run was like."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from harness.report import JudgedRun, pictures
from harness.report.pictures import overhead, representatives, style
from harness.report.pictures.retry_gaps import early
from harness.report.pictures.timeline import wilson
from harness.report.svg import inline_svg
from tests.report import synthetic

Plot = Callable[[JudgedRun], Figure]
LONG = tuple(f"{letter}-a-very-long-deployment-name-in-sweden-central" for letter in "abcdefgh")
CASES = {
    "all down": {"faults": "  - {on: all, during: fault, inject: {status: 503}}", "deadline": "6s"},
    "connections": {
        "faults": "  - {on: openai, during: fault, inject: {connection: silent}}\n"
        "  - {on: azure, at: 20s, for: 20s, inject: {connection: reset}, share: 60%}"
    },
    "no fault": {"faults": ""},
    "one request": {"rate": 0.02},
    "long names": {"providers": LONG, "faults": f"  - {{on: {LONG[0]}, during: fault, inject: {{status: 503}}}}"},
    "one provider": {"providers": ("openai",)},
}


@pytest.fixture(scope="session", params=CASES)
def odd(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> JudgedRun:
    """Return runs at the edges of what can happen."""
    plan = synthetic.plan(tmp_path_factory.mktemp("odd"), **CASES[request.param])  # type: ignore[arg-type]
    return JudgedRun.of(plan, synthetic.history(plan))


def svg(plot: Plot, run: JudgedRun) -> ET.Element:
    """Return a picture, parsed."""
    return ET.fromstring(inline_svg(plot(run)).svg)  # noqa: S314 - our own text


@pytest.mark.parametrize("plot", pictures.ALL, ids=lambda plot: plot.__name__)
def test_every_run_has_every_picture(plot: Plot, odd: JudgedRun) -> None:
    """Each picture is one labelled SVG for every kind of run, with the page's ink and no id of another's."""
    drawn = inline_svg(plot(odd))
    root = ET.fromstring(drawn.svg)  # noqa: S314 - our own text
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("role") == "img"
    assert root.get("aria-label") == drawn.label
    assert len(drawn.label) > 20
    assert style.INK not in drawn.svg
    assert style.PAPER not in drawn.svg
    prefix = plot.__name__.replace("_", "-") if len(drawn.svg) > 3000 else ""
    assert all(element.get("id", prefix).startswith(prefix) for element in root.iter())


@pytest.mark.parametrize("plot", pictures.ALL, ids=lambda plot: plot.__name__)
def test_empty_history_says_so(plot: Plot, tmp_path: Path) -> None:
    """A run without a record gives a picture in words, or one without data, never an error."""
    plan = synthetic.plan(tmp_path)
    run = JudgedRun.of(plan, synthetic.History.of(plan.digest))
    assert len(inline_svg(plot(run)).label) > 20


@pytest.mark.parametrize("plot", pictures.ALL, ids=lambda plot: plot.__name__)
def test_same_run_same_bytes(plot: Plot, demo: JudgedRun) -> None:
    """A picture of the same run is the same, byte by byte, and leaves matplotlib's settings alone."""
    before = dict(mpl.rcParams)
    assert inline_svg(plot(demo)).svg == inline_svg(plot(demo)).svg
    assert dict(mpl.rcParams) == before


def test_references_stay_inside_the_picture(demo: JudgedRun) -> None:
    """Every reference of a picture points at an id of that very picture."""
    for plot in pictures.ALL:
        text = inline_svg(plot(demo)).svg
        ids = re.findall(r'\sid="([^"]+)"', text)
        assert len(ids) == len(set(ids))
        assert set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text)) <= set(ids)


def test_names_are_text_never_markup(tmp_path: Path) -> None:
    """A dollar or a tag in a name is shown as it is."""
    plan = synthetic.plan(tmp_path)
    name = "$x^2$<script>&"
    providers = {name if key == "openai" else key: value for key, value in plan.chain.providers.items()}
    chain = replace(plan.chain, providers=providers, order=(name, *plan.chain.order[1:]))
    windows = tuple(replace(window, provider=name) for window in plan.timeline.windows)
    plan = replace(plan, chain=chain, timeline=replace(plan.timeline, windows=windows))
    run = JudgedRun.of(plan, synthetic.history(plan))
    for plot in (pictures.timeline, pictures.waterfall):
        root = svg(plot, run)
        assert any(name in (text.text or "") for text in root.iter("{http://www.w3.org/2000/svg}text"))
        assert not list(root.iter("{http://www.w3.org/2000/svg}script"))


def test_label_of_the_gaps_counts_the_early_ones(hasty: JudgedRun) -> None:
    """The picture of retries tells how many came before their time, as the judge counts them."""
    count = int(((hasty.retries["kind"] == "retry") & (hasty.retries["early_ns"] > 50e6)).sum())
    assert count > 0
    assert f"; {count} of them came before their time" in inline_svg(pictures.retry_gaps(hasty)).label


def test_early_is_beyond_the_tolerance() -> None:
    """Exactly 50 ms early is still in time."""
    table = pd.DataFrame({"early_ns": [50e6, 50e6 + 1, float("nan"), -1.0]})
    assert early(table).tolist() == [False, True, False, False]


def test_budget_is_the_strictest_limit(demo: JudgedRun) -> None:
    """The line in the picture is the lowest upper limit that the scenario sets."""
    assert overhead.budget(demo.plan) == 9e9
    assert overhead.budget(replace(demo.plan, expectations=())) is None


def test_wilson_against_known_values() -> None:
    """The band is Wilson's: 98 of 100 gives 93.0 % to 99.4 %, none of none gives nothing."""
    low, high = wilson(np.array([98, 0]), np.array([100, 0]))
    assert low[0] == pytest.approx(0.93, abs=5e-4)
    assert high[0] == pytest.approx(0.9945, abs=5e-4)
    assert np.isnan(low[1])
    assert np.isnan(high[1])


@pytest.mark.parametrize(("end_s", "events"), [(63.0, 653), (0.3, 3), (7200.0, 10**6), (90_000.0, 10**6), (63.0, 0)])
def test_bins_cover_the_run(end_s: float, events: int) -> None:
    """Bins begin at 0, end at the end, grow, and are never too many to be seen."""
    edges = style.bin_edges_s(end_s, events)
    assert edges[0] == 0
    assert edges[-1] == end_s
    assert (np.diff(edges) > 0).all()
    assert len(edges) - 1 <= style.BINS_MAX


def test_colours_are_stable_by_place(demo: JudgedRun) -> None:
    """A provider's colour depends on its place in the chain alone, and eight have eight."""
    colours = style.colours(demo.plan)
    assert list(colours) == ["openai", "azure", "anthropic"]
    assert list(colours.values()) == list(style.PROVIDERS[:3])
    assert len(set(style.PROVIDERS)) == 8
    assert style.WRONG not in style.PROVIDERS


def test_chosen_requests_tell_the_story(hasty: JudgedRun) -> None:
    """The chosen requests hold an untouched one, the extremes of the fallbacks, and each finding's first."""
    picks = {pick.why: pick.request_id for pick in representatives.representatives(hasty)}
    whys = ", ".join(picks)
    for why in ("usual, no fault", "fastest fallback", "median fallback", "slowest fallback", "retry_after_ignored"):
        assert why in whys
    (finding,) = [finding for finding in hasty.verdict.findings if finding.id == "retry_after_ignored"]
    assert finding.requests[0] in picks.values()
    ids = list(picks.values())
    assert len(ids) == len(set(ids))


def test_warm_up_is_left_out(demo: JudgedRun) -> None:
    """Calls before the origin are in the history, and in no picture."""
    assert (demo.history.requests["phase"] == "warmup").sum() == 3
    assert "Timeline of 653 requests" in inline_svg(pictures.timeline(demo)).label
    assert len(demo.history.attempts) - len(demo.attempts) == 3
