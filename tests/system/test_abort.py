"""A live run that its scenario has aborted: its faults are reverted at once, and what was recorded is judged."""

from __future__ import annotations

import json

import pytest

from harness.history import FaultEvent, RequestRecord, as_records
from harness.judge.grammar import parse_abort
from harness.scenario.abort import AbortWatch
from harness.store import RunFolder
from tests.system.chains import LONG, REFERENCE
from tests.system.conftest import END_S, Start, starved

pytestmark = pytest.mark.system

REVERTED_NS = 1_000_000_000
"""How soon after the condition a fault is reverted, at the latest."""


def test_faults_are_reverted_and_nothing_more_is_sent(start: Start) -> None:
    """Every connection is refused; the run, which would last five minutes, ends in seconds, inconclusive and with its rows."""
    broken = LONG.replace("on: primary", "on: all").replace("{status: 503}", "{connection: refused}")
    run = start(broken.replace("fault: 2s", "fault: 200s") + "abort: success_rate < 50% for 1s\n", REFERENCE)
    code, out, err = run.end(END_S)
    verdict = json.loads(out)["verdict"]
    assert (code, verdict["status"]) == (3, "inconclusive"), err
    assert "aborted: success_rate was " in err
    assert "(abort: success_rate < 50% for 1s)" in verdict["reasons"][0]
    assert run.leftovers() == []
    history = RunFolder.open(run.folder).history()
    sent = as_records(RequestRecord, history.requests)
    events = as_records(FaultEvent, history.faults)
    assert len(sent) < 15 * 100
    assert all(event.applied_ns and event.reverted_ns for event in events)
    watch = AbortWatch(parse_abort("success_rate < 50% for 1s", ("baseline", "fault", "recovery")))
    ended = sorted(sent, key=lambda request: request.end_ns or 0)
    held_ns = next(request.end_ns for request in ended if watch.add(request) is not None)
    assert held_ns is not None
    if not starved(verdict, run.folder):
        assert all((event.reverted_ns or 0) - held_ns < REVERTED_NS for event in events)
