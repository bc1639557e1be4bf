"""Writes the tables of docs that follow from declarations: `python -m scripts.declarations`."""
# ruff: noqa: INP001  -- a script, in no package

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import filterfalse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

from harness.experiment.tuning.candidates import tunable
from harness.export.tables import FALLBACK_COLUMNS
from harness.history import AttemptRecord, RequestRecord
from harness.judge.comparison.regression import COMPARED_QUANTILES
from harness.judge.findings import FINDINGS, FindingKind
from harness.judge.intervals import MEAN_SAMPLES_MIN, needed_for_quantile, needed_for_rate
from harness.judge.metrics import METRICS, QUANTILES, Measured, Metric
from harness.judge.metrics.kinds import Count, Frequency, Mean, Observations, Proportion, SingleObservation
from harness.judge.properties import PROPERTIES, Property
from harness.judge.remedies import Remedy
from harness.provider.answer import Call, Refusal
from harness.provider.dialects import DIALECTS
from harness.provider.dialects.vendors import PLAIN, VENDORS
from harness.provider.fault_kind import ActsOnAnswer, Aspect, FaultKind
from harness.provider.faults import FAULTS
from harness.provider.inject import ErrorPreset
from harness.provider.legs import LEGS, Leg
from harness.provider.limit import Level, Quota
from harness.provider.reply import Head
from harness.watch.instruments import INSTRUMENTS, Instrument

PAGES = Path(__file__).parents[1] / "docs" / "reference"
WRITTEN = (
    *(PAGES / f"{name}.md" for name in ("faults", "findings", "metrics", "prometheus", "properties", "records")),
    *(PAGES.parent / "guides" / f"{name}.md" for name in ("ci", "tune")),
)
"""The pages with such tables."""


def tables() -> dict[str, str]:
    """Return each table, in Markdown, by its name in the pages."""
    kinds = sorted(FINDINGS.own.values(), key=lambda kind: ("required", "advisory", "run").index(kind.severity))
    return {
        "findings": _table(("id", "severity", "shown by", "when", "could have shown it"), map(_finding, kinds)),
        "remedies": _table(("id", "in words", "usual remedy"), map(_finding_remedy, kinds)),
        "metric_remedies": _table(("not met", "usual remedy"), _metric_remedies()),
        "errors": _table(("error", *(f"`{name}`" for name in DIALECTS.own)), map(_errors, get_args(ErrorPreset))),
        "vendors": _table(
            ("vendor", "base path", "unusual statuses", "own words for", "error body", "limits"), map(_vendor, VENDORS)
        ),
        "instead": _faults("instead"),
        "port": _faults("listener"),
        "answer": _faults("delay", "pace", "body"),
        **{leg.name: _leg(leg) for leg in LEGS.values()},
        "metrics": _table(
            ("metric", "unit", "kind", "better", "served", "meaning"), map(_metric, filter(_asked, METRICS.values()))
        ),
        "numbers": _table(("number", "unit", "kind", "meaning"), map(_number, filterfalse(_asked, METRICS.values()))),
        "compared": _compared(),
        "kinds": _table(("kind", "95 % interval", "enough samples"), map(_kind, _ENOUGH)),
        "requests": _table(("column", "meaning"), _fields(RequestRecord)),
        "attempts": _table(("column", "meaning"), _fields(AttemptRecord)),
        "fallbacks": _table(("column", "meaning"), ((f"`{name}`", text) for name, text in FALLBACK_COLUMNS.items())),
        "instruments": _table(("metric", "type", "labels", "meaning"), map(_instrument, INSTRUMENTS)),
        "properties": _table(("property", "broken by", "findings"), map(_property, PROPERTIES.own.values())),
        "settings": _table(("host", "setting", "values that are tried"), _settings()),
    }


_CONFIGURATION = """
model_list:
  - {model_name: gpt-4, litellm_params: {model: openai/gpt-4}}
  - {model_name: backup, litellm_params: {model: anthropic/claude-sonnet-4}}
  - {model_name: third, litellm_params: {model: gemini/gemini-2.5-pro}}
router_settings: {fallbacks: [{gpt-4: [backup, third]}]}
"""
_FILE = """
name: any
driver: %s
providers: {gpt: {dialect: openai, model: gpt-4}, backup: {dialect: openai, model: gpt-4}, third: {dialect: openai, model: gpt-4}}
order: [gpt, backup, third]
"""
_TUNED = {
    "LiteLLM (`litellm-config.yaml`)": _CONFIGURATION,
    "LiteLLM (chain file)": _FILE % "litellm-router",
    "`reference`": _FILE % "reference",
    "`openai-sdk`": _FILE % "openai-sdk",
}
"""By host, a chain of three providers, by which it shows what can be set."""


def _settings() -> Iterable[Sequence[str]]:
    """Return each setting that a tuning tries, with its values."""
    with TemporaryDirectory() as folder:
        for number, (host, text) in enumerate(_TUNED.items()):
            path = Path(folder) / f"{number}.yaml"
            path.write_text(text, encoding="utf-8")
            for setting in tunable(path).settings:
                ordered = "order" in setting.place or "fallbacks" in setting.place
                values = "each of the others first" if ordered else ", ".join(map(_value, setting.choices))
                yield host, f"`{setting.label}`", values


def _value(value: object) -> str:
    return f"`[{', '.join(value)}]`" if isinstance(value, list) else f"`{value}`"


def _fields(record: type) -> Iterable[Sequence[str]]:
    """Return the fields of a record with what its docstring says of each."""
    _, _, attributes = inspect.getdoc(record).partition("Attributes:\n")  # type: ignore[union-attr]
    for found in re.finditer(r"^    (\w+): (.*(?:\n {8,}.*)*)", attributes, flags=re.MULTILINE):
        yield f"`{found[1]}`", re.sub(r"\s+", " ", found[2])


def _instrument(instrument: Instrument) -> Sequence[str]:
    labels = ", ".join(f"`{label}`" for label in instrument.labels) or "–"
    return f"`{instrument.name}`", instrument.kind, labels, instrument.meaning


def _finding(kind: FindingKind) -> Sequence[str]:
    return f"`{kind.id}`", kind.severity, kind.shown_by, kind.meaning, kind.could


def _finding_remedy(kind: FindingKind) -> Sequence[str]:
    return f"`{kind.id}`", kind.name, _remedy(kind.remedy)


def _metric_remedies() -> Iterable[Sequence[str]]:
    """Return each remedy with all metrics that have it."""
    by_text: dict[str, list[str]] = {}
    for metric in METRICS.values():
        if metric.remedy is not None:
            by_text.setdefault(_remedy(metric.remedy), []).append(f"`{metric.name}`")
    return ((", ".join(names), text) for text, names in by_text.items())


def _remedy(remedy: Remedy) -> str:
    by_text: dict[str, list[str]] = {}
    for driver, text in remedy.on.items():
        by_text.setdefault(text, []).append(f"`{driver}`")
    special = [f"On {' and '.join(drivers)}: {text}" for text, drivers in by_text.items()]
    alone = [f"Where there is no other provider: {remedy.alone}"] if remedy.alone else []
    return " ".join([remedy.usual, *special, *alone])


def _faults(*aspects: Aspect) -> str:
    kinds = [kind for kind in FAULTS.own.values() if kind.aspect in aspects and not kind.of_process]
    names = [", ".join(f"`{form}`" for form in kind.written) for kind in kinds]
    if "body" in aspects:
        rows = [(name, kind.meets + _outcome(kind), kind.meets_plain) for name, kind in zip(names, kinds, strict=True)]
        return _table(("inject", "in a stream", "in a plain answer"), rows)
    meets = [(name, kind.meets) for name, kind in zip(names, kinds, strict=True)]
    return _table(("inject", "what the caller meets"), meets)


def _leg(leg: Leg) -> str:
    rows = [(f"`{FAULTS[kind].written[0]}`", fault.meets) for kind, fault in leg.faults.items()]
    return _table(("inject", "what happens"), rows)


def _outcome(kind: FaultKind) -> str:
    """Return how an answer that ended properly on the wire is recorded, where it counts as a failure."""
    if not isinstance(kind.act, ActsOnAnswer) or kind.act.outcome == "ok":
        return ""
    return f"; recorded as `{kind.act.outcome}`"


def _errors(problem: ErrorPreset) -> Sequence[str]:
    answers = [dialect.fail(Refusal(Call(), "", problem=problem)) for dialect in DIALECTS.own.values()]
    heads = [next(step for step in answer.reply if isinstance(step, Head)) for answer in answers]
    pairs = zip(heads, answers, strict=True)
    return f"`{problem}`", *(
        f"{head.status}" + (f" `{answer.error_code}`" if answer.error_code else "") for head, answer in pairs
    )


def _vendor(name: str) -> Sequence[str]:
    row = VENDORS[name]
    error = row.error("rate_limit")
    body = row.shape(429, error._replace(message="…"), "…")
    limits = next((first for first, _ in row.limits(_QUOTA, 0)), "") if row.limits else ""
    return (
        f"`{name}`",
        f"`{row.base or '/'}`",
        ", ".join(f"`{problem}` {status}" for problem, status in row.statuses.items()) or "–",
        ", ".join(f"`{problem}`" for problem in row.errors) or "–",
        "–" if row.shape is PLAIN.shape else f"`{json.dumps(body, ensure_ascii=False)}`",
        f"`{limits}`, …" if limits else "–",
    )


def _property(declared: Property) -> Sequence[str]:
    return f"`{declared.name}`", declared.broken_by, ", ".join(f"`{finding}`" for finding in declared.findings) or "–"


def _asked(metric: Metric) -> bool:
    return metric.asked


def _metric(metric: Metric) -> Sequence[str]:
    name, unit, kind, meaning = _number(metric)
    if asked := metric.argument:
        name, meaning = f"{name}, `{metric.name}({asked.name})`", f"{meaning} `({asked.name})`: {asked.meaning}"
    return name, unit, kind, metric.better or "–", "yes" if metric.served else "–", meaning


def _number(metric: Metric) -> Sequence[str]:
    return f"`{metric.name}`", _UNITS[metric.unit], metric.kind.kind, metric.meaning


def _compared() -> str:
    """Return which numbers a comparison of runs looks at, a line for each direction."""
    lines = []
    for better, word in (("more", "larger"), ("less", "smaller")):
        found = [metric for metric in METRICS.values() if metric.better == better]
        spread = " and ".join(f"`{metric.name}`" for metric in found if metric.kind is Observations)
        alone = ", ".join(f"`{metric.name}`" for metric in found if metric.kind is not Observations)
        quantiles = f"{', '.join(COMPARED_QUANTILES)} of {spread}; " if spread else ""
        lines.append(f"- {word} is better: {quantiles}{alone}.\n")
    return "".join(lines)


def _kind(kind: type[Measured]) -> Sequence[str]:
    return kind.kind, kind.certainty, _ENOUGH[kind]()


def _enough_for_rates() -> str:
    by_share = (
        f"{share:.4g} % {' / '.join(str(needed_for_rate('>=', share / 100, hits=0, samples=bad)) for bad in (0, 1, 3))}"
        for share in (95, 98, 99, 99.9)
    )
    return f"with 0 / 1 / 3 failures: {', '.join(by_share)}"


def _enough_for_quantiles() -> str:
    needed = ", ".join(f"{name} {needed_for_quantile(share)}" for name, share in QUANTILES.items())
    return f"{needed}; with fewer a bound is infinite (null in the files)"


_ENOUGH: dict[type[Measured], Callable[[], str]] = {
    Proportion: _enough_for_rates,
    Observations: _enough_for_quantiles,
    Mean: lambda: f"{MEAN_SAMPLES_MIN}; the more the chain may try, the more it takes",
    Frequency: lambda: "1; the longer the phase, the narrower",
    Count: lambda: "1",
    SingleObservation: lambda: "1",
}
_QUOTA = Quota(requests=Level(limit=1, remaining=0, reset_ns=0), tokens=None)
_UNITS = {
    "share": "share",
    "ns": "time",
    "ratio": "ratio",
    "count": "count",
    "per_s": "per second",
    "usd": "USD",
    "bytes": "bytes",
}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = (head, ["---"] * len(head), *rows)
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in cells)


def page(text: str) -> str:
    """Return a page with its tables rewritten.

    Args:
        text: The page; a table's place begins with `<!-- NAME: written by … -->` and ends with `<!-- end -->`.
    """
    written = tables()
    put: Callable[[re.Match[str]], str] = lambda found: f"{found[1]}\n{written[found[2]]}<!-- end -->"  # noqa: E731
    return re.sub(r"(<!-- (\w+): written by [^>]*-->)\n.*?<!-- end -->", put, text, flags=re.DOTALL)


if __name__ == "__main__":
    for path in WRITTEN:
        path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")
