"""Counts in Prometheus' words: the only module that uses its client library."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from harness.watch.counts import Counts, Histogram
from harness.watch.instruments import INSTRUMENTS, RUN_LABELS, Instrument

BUILD = "harness_build_info"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCounts:
    """What was counted of one run, or of several of the same scenario on the same chain.

    Attributes:
        scenario: Its name; empty where there is none.
        chain: Name of the chain.
        counts: What was counted.
    """

    scenario: str
    chain: str
    counts: Counts


def text(runs: Iterable[RunCounts]) -> bytes:
    """Return runs in Prometheus' text format."""
    return generate_latest(_registry(runs))


def negotiated(runs: Iterable[RunCounts], accept: str) -> tuple[bytes, str]:
    """Return runs in the format that a scraper asks for, and the name of that format.

    Args:
        runs: What was counted.
        accept: The header of that name.
    """
    encode, content_type = choose_encoder(accept)
    return encode(_registry(runs)), content_type


def parsed(exposition: str) -> list[RunCounts]:
    """Return the runs in Prometheus' text format, as `text` writes it; what is not of a run is left out.

    Raises:
        ValueError: It is something else.
    """
    runs: dict[tuple[str, str], Counts] = {}
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            key = (sample.labels.get("scenario", ""), sample.labels.get("chain", ""))
            if instrument := _BY_SAMPLE.get(sample.name):
                _add(instrument, sample, runs.setdefault(key, Counts()))
    for counts in runs.values():
        for histograms in counts.histograms.values():
            for found in histograms.values():  # they are written cumulatively
                found.buckets = [more - less for less, more in pairwise([0, *found.buckets])]
    return [RunCounts(scenario=scenario, chain=chain, counts=counts) for (scenario, chain), counts in runs.items()]


_BY_SAMPLE = {
    name: each
    for each in INSTRUMENTS
    for name in ([f"{each.name}_bucket", f"{each.name}_sum"] if each.kind == "histogram" else [each.name])
}


def _add(instrument: Instrument, sample: Sample, counts: Counts) -> None:
    labels = tuple(sample.labels[name] for name in instrument.labels)
    if instrument.kind != "histogram":
        counts.set(instrument, *labels, value=sample.value)
        return
    found = counts.histogram(instrument, labels)
    if sample.name.endswith("_sum"):
        found.total = sample.value
    else:
        place = [*map(float, instrument.buckets), math.inf].index(float(sample.labels["le"]))
        found.buckets[place] = int(sample.value)


def _registry(runs: Iterable[RunCounts]) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(tuple(runs)))
    return registry


class _Collected(Collector):
    def __init__(self, runs: tuple[RunCounts, ...]) -> None:
        self._runs = runs

    def collect(self) -> Iterator[Metric]:
        build = GaugeMetricFamily(BUILD, "The version of the harness.", labels=("version",))
        build.add_metric((version("llm-fallback-harness"),), 1)
        yield build
        for instrument in INSTRUMENTS:
            yield _family(instrument, self._runs)


def _family(instrument: Instrument, runs: Iterable[RunCounts]) -> Metric:
    labels = (*RUN_LABELS, *instrument.labels)
    if instrument.kind == "histogram":
        histogram = HistogramMetricFamily(instrument.name, instrument.meaning, labels=labels)
        for run in runs:
            for own, found in run.counts.histograms.get(instrument, {}).items():
                values = (run.scenario, run.chain, *own)
                histogram.add_metric(values, buckets=_cumulative(instrument, found), sum_value=found.total)
        return histogram
    kind = CounterMetricFamily if instrument.kind == "counter" else GaugeMetricFamily
    family = kind(instrument.name, instrument.meaning, labels=labels)
    for run in runs:
        numbers: Mapping[tuple[str, ...], float] = run.counts.numbers.get(instrument, {})
        for own, value in numbers.items():
            family.add_metric((run.scenario, run.chain, *own), value)
    return family


def _cumulative(instrument: Instrument, found: Histogram) -> list[tuple[str, float]]:
    bounds = [*map(str, instrument.buckets), "+Inf"]
    total = 0
    cumulative: list[tuple[str, float]] = []
    for bound, size in zip(bounds, found.buckets, strict=True):
        total += size
        cumulative.append((bound, total))
    return cumulative
