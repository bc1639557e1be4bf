"""What a metric is: one declaration in a file of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from harness.judge.metrics.kinds import Measured
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import Remedy
from harness.quantities import Unit

Better = Literal["more", "less"]
Observer = Literal["caller", "edge"]
Group = Literal["phase", "kind", "provider"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """What an expectation can put in brackets after a metric's name; the metric then measures only that part.

    Attributes:
        name: In the reference: `retry_gap(N)`.
        meaning: What the metric measures with it, in sentences, for the reference.
        check: Raises an error, with what is known and a hint, where a text is none.
        example: One that is right.
    """

    name: str
    meaning: str
    check: Callable[[str], None]
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A number of a run. Every fact is required: one that is left out fails at import.

    Attributes:
        name: In metrics.json, and in an expectation.
        label: In a table for people.
        meaning: What it counts, in sentences, for the reference.
        unit: Of its value.
        kind: How it is measured, which fixes its interval and what an expectation can ask of it.
        measure: Measures it in a part of a run.
        groups: Where it is measured: in each `phase` and the whole run, there for each `kind` of request, at each `provider`.
        asked: An expectation can name it.
        argument: What an expectation can put in brackets after its name; None where it cannot.
        better: Whether more or less of it is better; None where neither is, or where another metric measures the same: it is not compared.
        served: A limit on it states how many callers must get their answer; a chain that keeps it has served them.
        about_time: It is a time: a machine that is out of CPU, or stalls, lengthens it.
        until_deadline: A caller who leaves at the deadline cuts it off.
        seen_by: Who can observe it: the `caller` always, the `edge` not where connections were refused out of its sight.
        across: It compares a time by a caller's clock with one by that of another process. Where the load's workers are elsewhere and
            their clocks not sure enough, it is unknown.
        remedy: What usually helps where an expectation on it is not met; None where it cannot be asked for. A metric that is
            neither better nor worse needs one that holds for a limit from above and one from below.
        shown: What the report's table of phases shows of it: statistics of a distribution, `""` for the number itself.
    """

    name: str
    label: str
    meaning: str
    unit: Unit
    kind: type[Measured]
    measure: Callable[[Scope], Measured]
    groups: tuple[Group, ...]
    asked: bool
    argument: Argument | None
    better: Better | None
    served: bool
    about_time: bool
    until_deadline: bool
    seen_by: Observer
    across: bool
    remedy: Remedy | None
    shown: tuple[str, ...]
