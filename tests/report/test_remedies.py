"""What was measured is shown beside the usual remedy, and nothing where nothing was measured."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

from rich.console import Console

from harness.judge.comparison.counterfactual import MeasuredRemedies, Moved, TriedSetting
from harness.report import JudgedRun, show
from harness.report.judged_run import open_run
from harness.report.remedies import effect, print_remedies
from harness.store import RunFolder

SAME = Moved(before=0, after=0, better=0, worse=0, sure=False)
TIMEOUT = TriedSetting(
    label="timeout",
    before=600,
    after=8,
    diff=("--- config.yaml", "+++ config.yaml", "@@ -1,1 +1,1 @@", "-timeout: 600", "+timeout: 8  # <b>"),
    mends=("`success_rate in fault >= 99%` (97 % → 100 %)", "hang"),
    breaks=(),
    unserved=Moved(before=14, after=0, better=14, worse=0, sure=True),
    latency_ns=Moved(before=4e9, after=1e9, better=90, worse=0, sure=True),
    answer_ns=1e9,
    attempts=SAME,
    cost_usd=Moved(before=1.0, after=1.004, better=0, worse=14, sure=True),
    helps=True,
)
FOUND = MeasuredRemedies(file="config.yaml", tried=(TIMEOUT,), requests=653, answer_ns=1e9)


def text(html: str) -> str:
    """Return what a block says, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def measured(run: JudgedRun, found: MeasuredRemedies | None, folder: Path) -> JudgedRun:
    """Return a run whose folder has what was measured."""
    kept = RunFolder.create(folder, run.plan)
    if found is not None:
        kept.write_remedies(found)
    return replace(run, path=kept.path)


def test_the_first_screen_has_the_setting_its_effect_and_the_change(hasty: JudgedRun, tmp_path: Path) -> None:
    """Beside the usual remedy, with what it mends, gains and costs; the difference is text, not HTML."""
    html = show.opening(measured(hasty, FOUND, tmp_path)).html
    shown = text(html)
    assert "LiteLLM honours a Retry-After" in shown
    for part in (
        "timeout: 600 → 8",
        "success_rate in fault >= 99% (97 % → 100 %) is met",
        "unserved requests 14 → 0",
        "answers after 4 s → 1 s on average",
        "0.4 % more cost",
        "Nothing else breaks",
        "+timeout: 8 # <b>",
        "Answers took 1 s in this run (median)",
    ):
        assert part in shown
    assert "<b>" not in html
    assert "harness tune --run" not in shown


def test_without_a_measurement_one_line_says_how_to_get_it(hasty: JudgedRun, tmp_path: Path) -> None:
    """With the run's path; a run in memory, and one that passed, have none."""
    run = measured(hasty, None, tmp_path)
    assert run.path is not None
    assert f"harness tune --run {'/'.join(run.path.parts[-3:])}" in text(show.opening(run).html)
    assert "Which setting would have helped" not in text(show.verdict(run).html)
    assert "harness tune" not in text(show.opening(hasty).html)


def test_a_chain_that_cannot_be_simulated_has_no_such_line(hasty: JudgedRun, tmp_path: Path) -> None:
    """Its gateway decides, not a file that could be changed; or its providers are real."""
    real = {name: replace(each, upstream="https://api.example/v1") for name, each in hasty.plan.chain.providers.items()}
    for chain in (replace(hasty.plan.chain, driver="endpoint"), replace(hasty.plan.chain, providers=real)):
        columns = replace(hasty.data.columns, plan=replace(hasty.plan, chain=chain))
        run = replace(hasty, data=replace(hasty.data, columns=columns), path=tmp_path / "reports" / "x" / "y")
        (tmp_path / "reports" / "x" / "y").mkdir(parents=True, exist_ok=True)
        (tmp_path / "reports" / "x" / "y" / "plan.json").touch()
        assert "harness tune" not in text(show.opening(run).html)


def test_that_nothing_helps_is_said(hasty: JudgedRun, tmp_path: Path) -> None:
    """With how many values were tried, and each of them folded up."""
    useless = replace(TIMEOUT, helps=False, mends=(), unserved=SAME, latency_ns=None, cost_usd=None)
    run = measured(hasty, replace(FOUND, tried=(useless,) * 3), tmp_path)
    assert "No single setting would have helped: 3 values tried" in text(show.opening(run).html)
    below = text(show.verdict(run).html)
    assert "changed). 3 values tried" in below
    assert "Nothing would have changed with timeout: 600 → 8 , timeout: 600 → 8" in below


def test_why_nothing_was_tried_is_said(hasty: JudgedRun, tmp_path: Path) -> None:
    """A simulation that is not like the run gives no advice."""
    reason = "the simulation does not reproduce this run (success_rate in fault: 97 % against 50 % in the simulation)"
    run = measured(hasty, MeasuredRemedies(file="config.yaml", reason=reason), tmp_path)
    assert f"No setting was tried: {reason}." in text(show.opening(run).html)


def test_what_breaks_is_said() -> None:
    """In the name of the finding, not in its id."""
    shown = effect(replace(TIMEOUT, breaks=("`p95 latency < 8s` (5 s → 9 s)", "retry_storm")))
    assert "It breaks `p95 latency < 8s` (5 s → 9 s) and " in shown
    assert "retry_storm" not in shown
    assert "Nothing else breaks" not in shown


def test_a_terminal_shows_the_difference() -> None:
    """Each line of it, whole."""
    out = io.StringIO()
    print_remedies(FOUND, Console(file=out, width=80))
    printed = out.getvalue()
    assert "1 setting would have helped" in printed
    assert "  -timeout: 600\n  +timeout: 8  # <b>\n" in printed


def test_what_was_measured_is_read_as_it_was_written(folder: RunFolder) -> None:
    """From the run's folder, by whoever opens the run."""
    assert open_run(folder.path).remedies is None
    folder.write_remedies(FOUND)
    try:
        assert folder.remedies() == FOUND
    finally:
        (folder.path / "remedies.json").unlink()
