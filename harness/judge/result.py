"""The results of judging a run: numbers with their certainty, and a verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

Severity = Literal["required", "advisory", "run"]


class Status(StrEnum):
    """The answer to a question."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One number.

    Attributes:
        value: In `unit`; None where there is none.
        ci: Its 95 % interval; None where it has none. An infinite bound means "not enough data".
        samples: Observations behind it.
        unit: `share`, `ns`, `ratio`, `count`, `per_s`, `usd`.
        why: Why there is no value; empty where there is one.
    """

    value: float | None
    ci: tuple[float, float] | None = None
    samples: int
    unit: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """All numbers of a run.

    Attributes:
        phases: By phase, then metric; the phase `run` is the whole run. Distributions as `latency_p50`, `_p95`, `_p99`.
        kinds: The same by kind of request, then phase, then metric; empty where all requests are of one kind.
        providers: By provider, then metric.
        harness: Dispatch lag, loop lag by process, dropped arrivals, orphans, lost records.
    """

    phases: dict[str, dict[str, Value]]
    kinds: dict[str, dict[str, dict[str, Value]]] = field(default_factory=dict)
    providers: dict[str, dict[str, Value]]
    harness: dict[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationResult:
    """One line of `expect`, answered.

    Attributes:
        text: As it was written.
        metric: Name of the metric, or id of the finding.
        phase: None for the whole run.
        kind: Of the requests that it is about; None for all.
        status: The answer.
        observed: In `unit`; None where nothing was, or could be.
        ci: 95 % interval of what was observed.
        unit: Of `observed` and `ci`.
        samples: Observations behind it.
        needed: Observations that would have been enough; None where that is not the reason.
        message: Why, in a few words.
        limit: What `observed` is held against, in `unit`; None for `no FINDING`.
        remedy: What usually helps where it is not met, and what would give an answer where there is none; empty where nothing in
            general does.
    """

    text: str
    metric: str
    phase: str | None
    kind: str | None = None
    status: Status
    observed: float | None
    ci: tuple[float | None, float | None] | None
    unit: str
    samples: int
    needed: int | None
    message: str = ""
    limit: float | None = None
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The answer of one behaviour check.

    Attributes:
        id: As in the table of findings.
        severity: `required`, `advisory`, or `run` (the run's own health).
        status: The answer.
        count: How many requests (for a check of the run: retries, or 1) show it.
        samples: How many could have.
        requests: All requests that show it.
        message: What was seen, in one sentence.
        remedy: What usually ends it on the chain's driver; empty where there is nothing to end.
    """

    id: str
    severity: Severity
    status: Status
    count: int
    samples: int
    requests: tuple[str, ...]
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ailment:
    """Why a run itself gives no answer, whatever the chain did.

    Attributes:
        what: In a sentence, without its full stop.
        remedy: What would give an answer, in sentences.
    """

    what: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer of a run.

    Attributes:
        status: The worst of what counts.
        exit_code: Of `harness run`.
        reasons: Why it is not a pass; what to bear in mind if it is.
        expectations: In the order of the file.
        findings: Those that have samples, and those asked for.
        ailments: Why the run itself gives no answer.
    """

    status: Status
    exit_code: int
    reasons: tuple[str, ...] = ()
    expectations: tuple[ExpectationResult, ...] = field(default=())
    findings: tuple[Finding, ...] = field(default=())
    ailments: tuple[Ailment, ...] = field(default=())
