"""A metric is one declaration that leaves nothing out."""

from __future__ import annotations

from dataclasses import MISSING, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from harness.judge import RunData, Status, judge, measure
from harness.judge.grammar import parse
from harness.judge.metrics import METRICS, RUN, STATISTICS, Metric, key
from harness.judge.metrics.kinds import Observations, SingleObservation
from tests.histories import primary_429
from tests.judge.histories import OUTAGE, Book, Try, fails, plan_of

FACTS = {field.name: getattr(METRICS["success_rate"], field.name) for field in fields(Metric)}
names = st.sampled_from(sorted(METRICS))
TARGETS = {"share": "50%", "ns": "5s", "ratio": "2", "count": "3", "per_s": "1/s", "usd": "1", "bytes": "512 MB"}


@pytest.mark.parametrize("left_out", FACTS)
def test_a_fact_that_is_left_out_is_an_error(left_out: str) -> None:
    """None of them has a default that would be wrong in silence."""
    assert all(field.default is field.default_factory is MISSING for field in fields(Metric))
    with pytest.raises(TypeError, match=left_out):
        Metric(**{name: value for name, value in FACTS.items() if name != left_out})


def test_each_metric_gives_what_its_kind_promises() -> None:
    """Times are observations, one or many; what it measures is of its kind."""
    run = RunData.of(*primary_429())
    metrics = measure(run)
    for name, metric in METRICS.items():
        assert (
            (metric.unit == "ns")
            == metric.about_time
            == (metric.kind in (Observations, SingleObservation) and name != "attempts")
        )
        assert not metric.until_deadline or metric.kind is Observations
        for group, numbers in (("phase", metrics.phases[RUN]), ("provider", metrics.providers["openai"])):
            parts = STATISTICS if metric.kind is Observations else ("",)
            assert all((key(name, part) in numbers) == (group in metric.groups) for part in parts)
        assert set(metric.shown) <= {"", *STATISTICS}


@given(name=names, statistic=st.sampled_from(["", *STATISTICS]), op=st.sampled_from([">=", ">", "<=", "<"]))
def test_an_expectation_can_name_what_the_declaration_lets_it(name: str, statistic: str, op: str) -> None:
    """A distribution by a statistic, everything else alone; and the judge answers it."""
    metric = METRICS[name]
    text = f"{statistic} {name} in fault {op} {TARGETS[metric.unit]}".strip()
    if not metric.asked or (metric.kind is Observations) != bool(statistic):
        with pytest.raises(PydanticCustomError):
            parse(text, ["fault"])
        return
    assert parse(text, ["fault"]).metric == name
    plan = plan_of(text, faults=[OUTAGE])
    book = Book().steady()
    book.request(12, fails(503), Try(at="azure"), streaming=True)
    book.request(45, Try())
    (row,) = judge(book.run(plan)).expectations
    assert "the check itself failed" not in row.message
    assert row.unit == metric.unit
    assert row.status is Status.INCONCLUSIVE or row.observed is not None


@given(name=names)
def test_what_can_be_expected_has_a_remedy(name: str) -> None:
    """In sentences, for every driver; a number that no expectation can name has none."""
    metric = METRICS[name]
    assert (metric.remedy is not None) == metric.asked
    if metric.remedy is not None:
        remedy = metric.remedy
        texts = (remedy.usual, *remedy.on.values(), *filter(None, [remedy.alone]))
        assert all(text.endswith(".") and text[:1] != " " for text in texts)
        assert remedy.at(plan_of(endpoint=True).chain) == remedy.usual


def test_the_peak_of_amplification_is_a_metric_of_its_own() -> None:
    """With a unit and a direction; other statistics of it do not exist."""
    assert parse("peak amplification <= 4", []).quantile == "peak"
    assert parse("amplification_peak <= 4", []).quantile is None
    for wrong in ("p95 amplification <= 4", "peak latency < 4s", "failed fallback_overhead < 4s"):
        with pytest.raises(PydanticCustomError):
            parse(wrong, [])
