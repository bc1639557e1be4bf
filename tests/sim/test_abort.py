"""Runs that their scenario has aborted, in virtual time: what is kept of them, and what they come to."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import sim
from harness.engines import Engine, Quiet
from harness.errors import UsageError
from harness.experiment.prepare import Loaded, load
from harness.experiment.single_run import run
from harness.history import FaultEvent, as_records
from harness.judge import RunData, Status, judge
from harness.quantities import S
from harness.report.summary import summary
from harness.store import RunFolder
from tests.sim.worlds import digest

CHAIN = """\
name: small
driver: {driver}
providers:
  openai: {{dialect: openai, model: gpt-4, reply: {{ttft: 20ms, tokens: 4, tokens_per_second: 0}}}}
order: [openai]
retry: {{attempts: 1}}
timeout: 4s
"""
SCENARIO = """\
name: aborted
chain: chain.yaml
load: {{rate: 10/s, arrivals: constant, deadline: 8s, mix: [{{share: 100%, kind: {kind}}}]}}
phases: {{baseline: 4s, fault: 20s, recovery: 10s}}
faults:
  - {{on: primary, during: fault, inject: {{status: 400}}}}
  - {{on: primary, during: recovery, inject: {{delay: 1s}}}}
expect:
  - success_rate in baseline >= 80%
  - success_rate in fault >= 90%
abort: {abort}
"""
LINE = "success_rate < 50% for 2s"


def written(folder: Path, abort: str = LINE, *, driver: str = "reference", kind: str = "chat", more: str = "") -> Path:
    """Return the file of a scenario that half-way is nothing but failures."""
    (folder / "chain.yaml").write_text(CHAIN.format(driver=driver))
    path = folder / "aborted.yaml"
    path.write_text(SCENARIO.format(abort=abort, kind=kind) + more)
    return path


def loaded(folder: Path, abort: str = LINE, **options: str) -> Loaded:
    """Return that scenario."""
    return load(written(folder, abort, **options))


@pytest.mark.parametrize("driver", ["reference", "litellm-router"])
@pytest.mark.parametrize("kind", ["chat", "conversation"])
def test_it_ends_where_the_condition_holds(tmp_path: Path, driver: str, kind: str) -> None:
    """More than half of the requests of 2 s have failed after one second of the fault; nothing is sent or faulty after that."""
    it = loaded(tmp_path, driver=driver, kind=kind)
    history = sim.run(it.plan, it.chain).history
    assert history.aborted is not None
    at_ns = history.aborted.at_ns
    assert 4.9 * S < at_ns < 5.5 * S
    assert history.requests["end_ns"].max() == at_ns
    assert history.attempts["start_ns"].max() <= at_ns
    events = as_records(FaultEvent, history.faults)
    assert [(event.applied_ns, event.reverted_ns) for event in events] == [(4 * S, at_ns), (None, None)]
    assert digest(sim.run(it.plan, it.chain).history) == digest(history)


@pytest.mark.parametrize(
    ("abort", "status"),
    [(LINE, Status.INCONCLUSIVE), (f"{{when: {LINE}, verdict: fail}}", Status.FAIL)],
)
def test_what_it_comes_to(tmp_path: Path, abort: str, status: Status) -> None:
    """Phases that had ended are judged, others are not; the verdict says when and why, also when it is judged again."""
    reports = tmp_path / "reports"
    result = run(written(tmp_path, abort), reports=reports, progress=Quiet(), engine=Engine.SIM, brief=True)
    verdict = result.run.verdict
    assert (verdict.status, verdict.exit_code) == (status, 1 if status is Status.FAIL else 3)
    assert [row.status for row in verdict.expectations] == [Status.PASS, Status.INCONCLUSIVE]
    assert verdict.expectations[1].message.endswith("(the run was aborted before the end of fault)")
    said = verdict.reasons[0]
    assert said.startswith("aborted 5")
    assert said.endswith(f"requests that had ended in the last 2 s (abort: {LINE})")
    assert said in summary(result.run)
    assert result.error is None
    folder = RunFolder.open(result.folder.path)
    again = judge(RunData.of(folder.plan(), folder.history()))
    assert (again.status, again.reasons) == (verdict.status, verdict.reasons)


def test_without_the_condition_nothing_changes(tmp_path: Path) -> None:
    """The same run, watched for what never happens, is the same to the last byte."""
    watched = loaded(tmp_path, "p99 latency > 100s for 2s")
    one = sim.run(watched.plan, watched.chain).history
    written(tmp_path).write_text(SCENARIO.format(abort="null", kind="chat"))
    free = load(tmp_path / "aborted.yaml")
    assert free.plan.abort is None
    other = sim.run(free.plan, free.chain).history
    assert one.aborted is None
    assert one.requests.equals(other.requests)
    assert one.attempts.equals(other.attempts)


def test_a_window_that_holds_too_few_requests_is_refused(tmp_path: Path) -> None:
    """It would never abort anything."""
    with pytest.raises(UsageError) as error:
        loaded(tmp_path, "success_rate < 50% for 500ms")
    assert "never happens: about 5 requests end in that time, and at least 10 are needed" in str(error.value)
