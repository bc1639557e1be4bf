"""Whether the run itself was sound. A run that was not has no answer but inconclusive."""

from __future__ import annotations

import numpy as np

from harness.judge.intervals import quantile
from harness.judge.measure import dispatch_lag_ns, lost
from harness.judge.remedies import IDLE_MACHINE, RUN_AGAIN
from harness.judge.result import Ailment
from harness.judge.run_data import RunData
from harness.judge.tables.columns import Bools
from harness.quantities import amount, count, duration, plural

LAG_P99_NS = 50_000_000
LAG_MAX_NS = 500_000_000
STEADY_SHARE = 0.95
STEADY_REQUESTS_MIN = 10
UNANSWERED_MIN = 3
"""So many broken attempts show that the mocked providers answer nobody; fewer may be the chain's own doing."""

_STRANGERS = "Let nothing else call the providers' ports during a run, and let the chain pass on each request's id and prompt unchanged."
_UNREACHED = (
    "Find out what keeps the chain from its mocked providers: `harness doctor` looks for proxies, ports and settings."
)
_NOT_STEADY = "The chain, or the machine, failed before anything was injected. Probe the chain without a fault first: `harness probe`."
_NOTHING_SENT = Ailment(what="no request was sent", remedy=RUN_AGAIN)


def ailments(run: RunData) -> list[Ailment]:
    """Return what is wrong with the run's own health."""
    return [*_records(run), *_late(run), *_unanswered(run), *_unsteady(run)]


def _records(run: RunData) -> list[Ailment]:
    requests, history = run.columns.requests, run.columns.history
    if history.aborted is not None:  # what was going on then has no record
        return [] if requests.sent.any() else [_NOTHING_SENT]
    dropped = int((~requests.sent).sum())
    gone = lost(run)
    found = {
        Ailment(what="the run did not come to its planned end", remedy=RUN_AGAIN): not history.complete,
        _NOTHING_SENT: not requests.sent.any(),
        Ailment(
            what=f"{count(dropped)} of {plural(len(requests), 'request')} never sent", remedy=IDLE_MACHINE
        ): dropped,
        Ailment(what=f"{plural(gone, 'record')} lost", remedy=RUN_AGAIN): gone,
        Ailment(
            what=f"{plural(run.columns.orphans, 'attempt')} without a request", remedy=_STRANGERS
        ): run.columns.orphans,
    }
    return [ailment for ailment, wrong in found.items() if wrong]


def _late(run: RunData) -> list[Ailment]:
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
    return [Ailment(what=sentence, remedy=IDLE_MACHINE) for sentence in sentences]


def _unanswered(run: RunData) -> list[Ailment]:
    """Return an ailment where no mocked provider ever answered, though no fault kept it from that: then it is not the chain's."""
    attempts = run.columns.attempts
    broken = ~attempts.touched & attempts.had("reset", "refused", "cut", "malformed")
    if broken.sum() < UNANSWERED_MIN:
        return []
    mocked = ~attempts.touched & ~attempts.bools("forwarded")
    broken &= mocked
    answered = mocked & ~np.isnan(attempts.status) & ~broken
    if answered.any() or broken.sum() < UNANSWERED_MIN:
        return []
    attempts_ = plural(int(broken.sum()), "attempt")
    what = f"the mocked providers did not work: {attempts_} broke without a fault, and none succeeded"
    return [Ailment(what=what, remedy=_UNREACHED)]


def _unsteady(run: RunData) -> list[Ailment]:
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
    failed = int((attempts.failed & later & ~_lost_hedges(run)).sum())
    if failed:
        sentences.append(f"the baseline was not steady: {plural(failed, 'failed attempt')} in its second half")
    return [Ailment(what=sentence, remedy=_NOT_STEADY) for sentence in sentences]


def _lost_hedges(run: RunData) -> Bools:
    """Return which attempts the chain gave up because another one of the same request, begun before this one's end, was answered."""
    attempts = run.columns.attempts
    answered = ~attempts.failed
    answered_ns = np.full(len(run.columns.requests), np.inf)
    np.minimum.at(answered_ns, attempts.request[answered], attempts.start_ns[answered])
    hedges: Bools = attempts.had("client_left") & (answered_ns[attempts.request] < attempts.end_ns)
    return hedges
