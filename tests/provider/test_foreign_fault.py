"""A fault of another package: named by a scenario, it works like one of ours."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import registry, sim
from harness.errors import UsageError
from harness.experiment.prepare import load
from harness.provider.faults import FAULTS
from harness.scenario import Inject, Window
from harness.sim.search.space import _STREAM_FAMILIES, _even
from harness.store import decode, encode
from tests.sim.worlds import small

PACKAGE = """\
from harness.document import field_error
from harness.provider.answer import Answer
from harness.provider.fault_kind import ActsInstead, Example, FaultKind, always
from harness.provider.fault_words import phrases
from harness.provider.inject import Inject
from harness.provider.reply import End, Head, Send


def answer(context):
    page = b"<h1>closed</h1>" * context.inject.options["times"]
    return Answer(reply=[Head(503, (("content-length", str(len(page))),)), Send(page), End()])


def check(inject):
    if not isinstance((inject.options or {}).get("times"), int):
        raise field_error("'acme-page' needs how many times", hint="options: {times: 2}")


PAGE = FaultKind(
    kind="acme-page",
    written=("fault: acme-page",),
    keys=frozenset({"options"}),
    needs={},
    check=check,
    act=ActsInstead(answer=answer),
    ends_by=None,
    kills=always,
    fails=True,
    merely_slows=False,
    words=phrases(did="showed a page", one="page", many="pages"),
    meets="a page",
    meets_plain="",
    examples=(Example("broken", 99, Inject(fault="acme-page", options={"times": 1})),),
)
"""
ODD = """
from dataclasses import replace

ODD = replace(PAGE, kind="acme-odd", written=("odd",))
"""
POINTS = """\
[llm_fallback_harness.faults]
acme-page = acme_faults:PAGE
acme-odd = acme_faults:ODD
acme-broken = acme_faults_missing:PAGE
"""


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Another package that brings a fault, and one that cannot be imported."""
    installed = tmp_path / "installed"
    info = installed / "acme_faults-1.0.dist-info"
    info.mkdir(parents=True)
    (installed / "acme_faults.py").write_text(PACKAGE + ODD)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-faults\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(installed)
    monkeypatch.setattr(registry, "_LOADED", {})
    monkeypatch.setattr(FAULTS, "_foreign", {})
    yield tmp_path
    sys.modules.pop("acme_faults", None)


def test_a_scenario_that_names_it_runs(acme: Path) -> None:
    """In virtual time, with the same records; the run names the package."""
    loaded = small(acme, "reference", "{fault: acme-page, options: {times: 3}}")
    history = sim.run(loaded.plan, loaded.chain).history
    assert set(history.faults["kind"]) == {"acme-page"}
    assert (history.faults["fired"] > 0).all()
    touched = history.attempts[history.attempts["fault_id"].notna()]
    assert set(touched["status"]) == {503}
    (window, *_others) = loaded.plan.timeline.windows
    assert window.text == "acme-page times 3"
    assert [plugin.name for plugin in registry.loaded()] == ["acme-page"]
    assert decode(encode(window), Window) == window  # as it reaches the edge


def test_its_own_record_checks_its_keys(acme: Path) -> None:
    """With the place in the file, as for ours."""
    with pytest.raises(UsageError, match="needs how many times") as error:
        small(acme, "reference", "{fault: acme-page}")
    assert "faults[0].inject" in str(error.value)
    with pytest.raises(UsageError, match="'pause' does not go with 'fault: acme-page'"):
        small(acme, "reference", "{fault: acme-page, options: {times: 3}, pause: 2s}")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("acme-pge", "unknown fault, found 'acme-pge'"),
        ("refused", "unknown fault, found 'refused'"),
        ("acme-odd", "declares another name"),
        ("acme-broken", "cannot be loaded"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused(acme: Path, name: str, problem: str) -> None:
    """Unknown, one of ours, or of a broken package: the scenario does not load, and nothing else breaks."""
    with pytest.raises(UsageError, match=problem):
        small(acme, "reference", f"{{fault: {name}}}")
    assert small(acme, "reference", "{status: 503}").plan.timeline.windows


def test_it_does_not_change_what_a_seed_means(acme: Path) -> None:
    """Even if it is loaded and has examples, `explore` tries ours alone."""
    before = _even(_STREAM_FAMILIES)
    assert FAULTS["acme-page"].examples
    _even.cache_clear()
    assert _even(_STREAM_FAMILIES) == before
    assert not any(inject.fault for inject in before)
    assert load(small(acme, "reference", "{status: 503}").path).plan.timeline.windows[0].inject == Inject(status=503)
