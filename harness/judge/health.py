"""Whether the run itself was sound. A run that was not has no answer but inconclusive."""

from __future__ import annotations

import numpy as np

from harness.judge.intervals import quantile
from harness.judge.measure import dispatch_lag_ns, lost
from harness.judge.run_data import RunData
from harness.quantities import amount, count, duration, plural

LAG_P99_NS = 50_000_000
LAG_MAX_NS = 500_000_000
STEADY_SHARE = 0.95
STEADY_REQUESTS_MIN = 10
UNANSWERED_MIN = 3
"""So many broken attempts show that the mocked providers answer nobody; fewer may be the chain's own doing."""


def ailments(run: RunData) -> list[str]:
    """Return a sentence for each thing that is wrong with the run's own health."""
    return [*_records(run), *_late(run), *_unanswered(run), *_unsteady(run)]


def _records(run: RunData) -> list[str]:
    requests, history = run.columns.requests, run.columns.history
    if history.aborted is not None:  # what was going on then has no record
        return [] if requests.sent.any() else ["no request was sent"]
    dropped = int((~requests.sent).sum())
    gone = lost(run)
    sentences = {
        "the run did not come to its planned end": not history.complete,
        "no request was sent": not requests.sent.any(),
        f"{count(dropped)} of {plural(len(requests), 'request')} never sent": dropped,
        f"{plural(gone, 'record')} lost": gone,
        f"{plural(run.columns.orphans, 'attempt')} without a request": run.columns.orphans,
    }
    return [sentence for sentence, wrong in sentences.items() if wrong]


def _late(run: RunData) -> list[str]:
    lag_ns = np.sort(dispatch_lag_ns(run))
    if not len(lag_ns):
        return []
    p99_ns, most_ns = quantile(lag_ns, 0.99), float(lag_ns[-1])
    sentences = []
    if p99_ns > LAG_P99_NS:
        sentences.append(
            f"requests were sent late: p99 {amount(p99_ns, 'ns', limit=LAG_P99_NS)}; limit {duration(LAG_P99_NS)}"
        )
    if most_ns > LAG_MAX_NS:
        sentences.append(
            f"a request was sent {amount(most_ns, 'ns', limit=LAG_MAX_NS)} late; limit {duration(LAG_MAX_NS)}"
        )
    return sentences


def _unanswered(run: RunData) -> list[str]:
    """Return a sentence where no mocked provider ever answered, though no fault kept it from that: then it is not the chain's."""
    attempts = run.columns.attempts
    broken = ~attempts.touched & attempts.had("reset", "refused", "cut", "malformed")
    if broken.sum() < UNANSWERED_MIN:
        return []
    mocked = ~attempts.touched & ~attempts.bools("forwarded")
    broken &= mocked
    answered = mocked & ~np.isnan(attempts.status) & ~broken
    if answered.any() or broken.sum() < UNANSWERED_MIN:
        return []
    return [
        f"the mocked providers did not work: {plural(int(broken.sum()), 'attempt')} broke without a fault, and none succeeded"
    ]


def _unsteady(run: RunData) -> list[str]:
    requests, attempts = run.columns.requests, run.columns.attempts
    if not run.plan.timeline.windows:
        return []
    until_ns = min(window.start_ns for window in run.plan.timeline.windows)
    ended = requests.end_ns < until_ns
    samples = int(ended.sum())
    if samples < STEADY_REQUESTS_MIN:
        return []
    sentences = []
    done = int((ended & requests.complete).sum())
    if done < STEADY_SHARE * samples:
        sentences.append(
            f"the baseline was not steady: {count(done)} of {count(samples)} requests complete before the first fault"
        )
    later = (attempts.end_ns >= until_ns / 2) & (attempts.end_ns < until_ns)
    failed = int((attempts.failed & later).sum())
    if failed:
        sentences.append(f"the baseline was not steady: {plural(failed, 'failed attempt')} in its second half")
    return sentences
