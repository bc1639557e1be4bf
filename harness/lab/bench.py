"""A chain on the bench: its order is changed in memory, a request is sent through it in virtual time, and its file is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from harness import experiment
from harness.engines import Quiet
from harness.experiment.chain_files.applying import apply, trial_host
from harness.experiment.chain_files.proposal import Proposal
from harness.experiment.chain_files.reordering import ChainPlace, OrderedChain, ordered_chain
from harness.experiment.probing import Probed, prepare_probes
from harness.fork import in_fork
from harness.lab.waterfall_picture import waterfall_html
from harness.provider.faults import names_of
from harness.report.judged_run import JudgedRun
from harness.report.waterfall import sentence, stories

_WITH_VALUE = {"slow": "slow,delay=2s", "throttle": "throttle,bytes_per_second=1000"}
"""Failures that need a value, with one."""
FAILURES: Mapping[str, tuple[str, ...]] = {
    "an error": ("429", "429,retry_after=2s", "500", "503", "529", "400", "401"),
    "the connection": tuple(_WITH_VALUE.get(name, name) for name in names_of("connection")),
    "the stream": names_of("stream"),
    "the answer": names_of("answer"),
}
"""What can be chosen to fail, as `harness probe --fail NAME=` takes it, by what it concerns."""


class ProbePicture(NamedTuple):
    """What a probe came to.

    Attributes:
        said: In a sentence.
        html: The waterfall; empty where nothing was sent.
    """

    said: str
    html: str


class Bench:
    """A chain whose order is tried before it is written.

    Args:
        path: A chain file, or a configuration of LiteLLM's.

    Raises:
        UsageError: It is neither, or its order is written elsewhere.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.ordered: OrderedChain = ordered_chain(path)
        self._proposal: Proposal | None = None
        self._prepared = False

    def probe(self, places: Sequence[ChainPlace], failing: Mapping[str, str]) -> ProbePicture:
        """Send a request through the chain in an order that is in no file yet. The run is not kept.

        Args:
            places: The order.
            failing: What fails, by name; of those that are switched off nothing does.

        Raises:
            UsageError: No such chain can be, a failure is written wrong, or only a live run can do this.
            HarnessError: The harness itself failed.
        """
        raw = self.ordered.reordered(places)
        on = {place.name for place in places if place.on}
        asked = {name: kind for name, kind in failing.items() if kind and name in on}
        streaming = any(kind.partition(",")[0] in FAILURES["the stream"] for kind in asked.values())
        if not self._prepared:
            prepare_probes(self._path)
            self._prepared = True
        with TemporaryDirectory(prefix="harness-") as reports:
            done = experiment.probe(
                self._path,
                [f"{name}={kind}" for name, kind in asked.items()],
                reports=Path(reports),
                progress=Quiet(),
                streaming=streaming,
                raw=raw,
            )
            if done.result.error is not None:
                raise done.result.error
            return _picture(done, streaming=streaming)

    def difference(self, places: Sequence[ChainPlace]) -> str:
        """Return what writing an order would change in the file, as a unified diff; empty if nothing.

        Raises:
            UsageError: See `OrderedChain.proposal`.
        """
        self._proposal = None
        proposal = self.ordered.proposal(places)
        if not proposal.new:
            return ""
        self._proposal = proposal
        return "\n".join(proposal.diff())

    def write(self) -> str:
        """Write what the last difference showed, as `harness chain apply` does; return what was done.

        Raises:
            UsageError: Nothing was shown, or the file was changed since; it cannot be written.
            NotApplied: LiteLLM's proxy does not come up with it.
        """
        shown, self._proposal = self._proposal, None
        assert shown is not None, "the button is there only below a difference"
        # A trial on LiteLLM's proxy needs an event loop, and JupyterLab's kernel has one already.
        said = in_fork(partial(_applied, shown))
        self.ordered = ordered_chain(self._path)
        return "; ".join(said)


def _applied(proposal: Proposal) -> list[str]:
    said: list[str] = []
    apply(proposal, trial_host(proposal), None, said.append)
    return said


def _picture(done: Probed, *, streaming: bool) -> ProbePicture:
    run = JudgedRun.of(done.result.run.data)
    ids = [arrival.request_id for arrival in run.plan.arrivals]
    (story,) = stories(run, ids)
    said = f"{run.plan.chain.drawn}: {sentence(story)}"
    if streaming:
        said += "; asked for a stream, because a failure of streams was chosen"
    if done.idle:
        said += f"; the fault never fired: {done.idle}"
    return ProbePicture(said=said, html=waterfall_html(run, ids, "one request in virtual time", "probe"))
