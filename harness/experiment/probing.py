"""One request through a chain whose providers fail as asked: no scenario file is needed."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import sim
from harness.chain.driver import driver_of
from harness.chain.home import AT_HOME, ChainHome
from harness.engines import Engine, Progress, Quiet
from harness.errors import ExitCode, HarnessError, UsageError
from harness.fork import WorkingFork
from harness.lazy import lazy

if TYPE_CHECKING:
    from harness import store
    from harness.chain import Chain
    from harness.document import Document
    from harness.drivers import in_process
    from harness.experiment import failing as failing_
    from harness.experiment import judging, sim_run, single_run
    from harness.experiment import prepare as preparing
    from harness.experiment.judging import RunResult
    from harness.experiment.prepare import Loaded
    from harness.judge.findings import fault_never_fired
    from harness.messages import RunRows
    from harness.report import JudgedRun, waterfall
    from harness.sim import rows as sim_rows
else:  # what only one of two processes needs; see `_simulated`
    store, judging = lazy("harness.store"), lazy("harness.experiment.judging")
    failing_, preparing = lazy("harness.experiment.failing"), lazy("harness.experiment.prepare")
    sim_run, single_run = lazy("harness.experiment.sim_run"), lazy("harness.experiment.single_run")
    fault_never_fired, waterfall = lazy("harness.judge.findings.fault_never_fired"), lazy("harness.report.waterfall")
    in_process, sim_rows = lazy("harness.drivers.in_process"), lazy("harness.sim.rows")


_NEEDED_LATE = ("harness.experiment.judging", "harness.sim.runs", "scipy.special")
"""What this process imports while the other is at work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What became of the requests of a probe.

    Attributes:
        result: The run.
        complete: Every caller got a complete answer.
        idle: Which fault never fired, in a sentence; empty if each did.
    """

    result: RunResult
    complete: bool
    idle: str

    @property
    def exit_code(self) -> int:
        """Exit status of `harness probe`."""
        if self.result.error is not None:
            return self.result.exit_code
        if self.idle and (self.complete or self.result.run.attempts["fault_id"].isna().all()):
            return ExitCode.INCONCLUSIVE
        return ExitCode.PASS if self.complete else ExitCode.FAIL


def probe(
    chain: Path,
    failing: Sequence[str],
    *,
    reports: Path,
    progress: Progress,
    count: int = 1,
    streaming: bool = False,
    prompt: str | None = None,
    kind: str = "chat",
    engine: Engine = Engine.SIM,
    home: ChainHome = AT_HOME,
    raw: bytes | None = None,
    allow_real: bool = False,
    command: str = "",
) -> Probed:
    """Send requests through a chain, each long after the one before it has ended.

    Args:
        chain: The chain's file.
        failing: What fails, as `openai=429`, `azure=refused` or `primary=429,retry_after=2s`.
        reports: Folder of all runs.
        progress: Told about each phase.
        count: How many requests.
        streaming: They ask for streams.
        prompt: What they ask, in place of the usual text.
        kind: Of the requests; see `harness.provider.kinds`.
        engine: In virtual time, or on real parts.
        home: Where the chain is to run, in place of what its file names.
        raw: What the chain's file is to hold, for a probe in virtual time; what it holds if None.
        allow_real: Real providers that are not on this machine may be called.
        command: The command line that repeats it.

    Raises:
        UsageError: The chain or a failure is wrong.
        HarnessError: The harness itself failed.
    """
    if streaming and kind == "embeddings":
        raise UsageError("there is no stream of embeddings", where="--stream")
    load: dict[str, Any] = {"keep_text": True, "mix": [{"kind": kind}]}
    load |= {} if prompt is None else {"prompt": prompt}
    ask = partial(failing_.written, failing, count=count, streaming="100%" if streaming else "0%", **load)
    if engine == Engine.SIM:
        return _probed(
            _simulated(partial(_carried_out, ask, failing, chain, home, raw), reports=reports, command=command)
        )
    with failing_.mistakes_in(failing):
        live = single_run.run(
            ask(),
            reports=reports,
            progress=progress,
            chain=chain,
            command=command,
            allow_real=allow_real,
            engine=engine,
            home=home,
            brief=True,
        )
    return _probed(live)


def prepare_probes(chain: Path, home: ChainHome = AT_HOME) -> None:
    """Import here what each probe of a chain in virtual time would import in a fork of its own; it may take seconds.

    Raises:
        UsageError: The chain is wrong, or only a live run can host it.
        HarnessError: An environment could not be built.
    """
    opened = preparing.opened(chain, home)
    if driver_of(opened).imports is None:  # else what is imported depends on the file, which may change
        sim_rows.prepare(opened)


def _simulated(work: Callable[[], tuple[Loaded, RunRows | Exception]], *, reports: Path, command: str) -> RunResult:
    """Carry a plan out in virtual time.

    A fork of this process reads the files, imports the chain's libraries and carries out the plan, while this one imports what
    judges and stores the run: each takes a second or more.
    """
    began_s = time.monotonic()
    with WorkingFork(work) as fork:
        for name in _NEEDED_LATE:
            import_module(name)
        loaded, ran = fork.result()
    plan = loaded.plan
    folder = store.RunFolder.create(reports, plan)

    def carry_out() -> sim.SimResult:
        if isinstance(ran, Exception):
            raise ran
        return sim.result(plan, loaded.chain, ran)

    history, problem = sim_run.simulate(
        plan, loaded.chain, folder, command=command, carry_out=carry_out, began_s=began_s
    )
    if history is None:
        assert problem is not None
        raise problem
    try:
        result = judging.judge_run(plan, folder, history, None, Quiet())
        folder.publish()
    except OSError as unwritten:
        raise HarnessError.wrapping(unwritten, where=str(folder.path)) from None
    return result


def _carried_out(
    ask: Callable[[], Document], failing: Sequence[str], chain: Path, home: ChainHome, raw: bytes | None
) -> tuple[Loaded, RunRows | Exception]:
    """Carry a plan out, in a fork; return it with what its parts wrote, or with what stopped it.

    Raises:
        UsageError: The chain or a failure is wrong, or only a live run can do this.
        HarnessError: An environment could not be built.
    """
    with failing_.mistakes_in(failing):
        loaded = preparing.prepare(ask(), _possible, chain=chain, home=home, raw=raw)
    sim_rows.prepare(loaded.chain)
    try:
        return loaded, sim_rows.rows(loaded.plan, loaded.chain)
    except UsageError:
        raise
    except HarnessError as error:
        return loaded, error
    except Exception as error:
        error.add_note(traceback.format_exc())  # which the fork would keep for itself
        return loaded, error


def _possible(chain: Chain) -> None:
    """See that a chain can run in virtual time, as far as that shows before anything is started."""
    in_process.simulable(chain)
    sim_run.mocked(chain)


def _probed(result: RunResult) -> Probed:
    served = all(waterfall.is_served(request) for request in result.run.requests.to_dict("records"))
    return Probed(result=result, complete=served, idle=never_fired(result.run))


def never_fired(run: JudgedRun) -> str:
    """Return which faults of a run changed nothing at any of their providers, and why; empty if there is none."""
    idle = fault_never_fired.idle_windows(run.data)
    windows = run.plan.timeline.windows
    fired = {window.fault_id for window in windows if (window.fault_id, window.provider) not in idle}
    return "; ".join(reason for (fault_id, _provider), reason in idle.items() if fault_id not in fired)
