"""A part of the harness that is stopped for seconds: the chain is not to blame, and the verdict names the part."""

from __future__ import annotations

import json
import re
import signal
import time

import psutil
import pytest

from tests.system.chains import REFERENCE
from tests.system.conftest import Start

pytestmark = pytest.mark.system

STALL_S = 3.0
SCENARIO = """\
name: stall
chain: chain.yaml
load: {rate: 15/s, arrivals: constant, deadline: 20s}
phases: {baseline: 2s, fault: 12s}
faults:
  - {on: primary, during: fault, inject: {status: 503}, share: 5%}
expect:
  - p95 latency in fault < 800ms
"""


def stop(process: psutil.Process) -> None:
    """Stop a process, and let it go on after the length of the stall."""
    process.send_signal(signal.SIGSTOP)
    time.sleep(STALL_S)  # this is the stall
    process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("part", ["toxiproxy", "edge"])
def test_a_stall_of_ours_is_never_the_chain_s_failure(start: Start, part: str) -> None:
    """Three seconds of 12 make every 95th percentile slow: inconclusive, with the part and the length of its stall."""
    run = start(SCENARIO, REFERENCE)
    run.until(5)
    stop(run.part(part))
    code, out, err = run.end()
    verdict = json.loads(out)["verdict"]
    (expectation,) = verdict["expectations"]
    assert (code, verdict["status"], expectation["status"]) == (3, "inconclusive", "inconclusive"), (out, err)
    stall = re.search(rf"{part}\D* (\d[\d.]*) (ms|s)\b", " ".join([expectation["message"], *verdict["reasons"]]))
    assert stall is not None, verdict
    assert float(stall[1]) * (1 if stall[2] == "s" else 0.001) > 0.7 * STALL_S, verdict
    assert run.leftovers() == []
