"""How many timelines of faults a minute the search runs, and whether it finds every planted bug and nothing else.

The budget of a planted bug is a number of timelines: what a minute holds at the speed that is asked for.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from rig.result import Row, limited, tell

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from harness import chain as chains  # noqa: E402 - the tests' chains lie beside this folder
from harness.judge.properties.bounded_latency import default_deadline_ns  # noqa: E402
from harness.sim.search import Hunt, Space  # noqa: E402
from tests.sim.planted import BUGS, CORRECT, NAMES  # noqa: E402

WARM = 20
REFERENCE_S = 20.0
LITELLM_S = 60.0
TIMELINES = 3000
FAULTS_MAX = 3


def space(chain: chains.Chain, deadline: int) -> Space:
    """Return what is searched at a chain."""
    names = (*chain.order, *(name for name in chain.providers if name not in chain.order))
    return Space(chain=chain, providers=names, faults_max=FAULTS_MAX, deadline_ns=deadline, seed=1)


def speed_per_min(where: Space, length_s: float) -> tuple[float, int]:
    """Search for so long; return timelines a minute, imports apart, and how many properties were broken."""
    began_s: float | None = None

    def over() -> bool:
        nonlocal began_s
        if hunt.tried >= WARM and began_s is None:
            began_s = time.monotonic()
        return began_s is not None and time.monotonic() - began_s >= length_s

    hunt = Hunt(where, over=over)
    found = len(list(hunt.run()))
    assert began_s is not None
    return 60 * (hunt.tried - WARM) / (time.monotonic() - began_s), found


def hunted(where: Space, breaks: str) -> Hunt:
    """Return a search for what breaks one property, of as many timelines as a minute holds."""
    hunt: Hunt

    def over() -> bool:
        return hunt.tried >= TIMELINES

    hunt = Hunt(where, properties=(breaks,), over=over)
    return hunt


def planted() -> tuple[int, int, int]:
    """Return how many planted bugs were found, the most faults that one took, and the most timelines."""
    found = faults = tried = 0
    for bug in BUGS.values():
        assert bug.chain.policy is not None
        with bug.planted():
            hunt = hunted(space(bug.chain, bug.chain.policy.deadline), bug.breaks)
            first = next(hunt.run(), None)
        found += first is not None
        faults = max(faults, len(first.schedule.faults) if first else 99)
        tried = max(tried, hunt.tried)
    return found, faults, tried


def explore() -> list[Row]:
    """Measure and return the rows."""
    assert CORRECT.policy is not None
    reference, wrong = speed_per_min(space(CORRECT, CORRECT.policy.deadline), REFERENCE_S)
    litellm = chains.load(ROOT / "scenarios" / "chains" / "gpt4-azure-claude.yaml")
    router, breaks = speed_per_min(space(litellm, default_deadline_ns(litellm, len(NAMES))), LITELLM_S)
    found, faults, tried = planted()
    return [
        Row(
            what="timelines a minute, reference chain",
            measured=reference,
            unit="",
            target=">= 3000",
            met=reference >= 3000,
        ),
        limited("properties broken by the chain that is right", wrong, "", 0),
        Row(what="timelines a minute, LiteLLM's Router", measured=router, unit=""),
        Row(what="properties that LiteLLM's Router broke in a minute", measured=breaks, unit=""),
        Row(what="planted bugs found", measured=found, unit="", target=f"= {len(BUGS)}", met=found == len(BUGS)),
        limited("faults of the largest of these finds", faults, "", 3),
        Row(what="timelines that the slowest of them took", measured=tried, unit=""),
    ]


if __name__ == "__main__":
    tell("explore", explore)
