"""One request through a chain whose providers fail as asked: no scenario file is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.chain.home import AT_HOME, ChainHome
from harness.engines import Engine, Progress
from harness.errors import ExitCode
from harness.experiment.failing import mistakes_in, written
from harness.experiment.single_run import RunResult, run
from harness.experiment.trial_run import trial
from harness.judge.findings.fault_never_fired import idle_windows
from harness.report import JudgedRun
from harness.report.waterfall import is_served


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
    engine: Engine = Engine.SIM,
    home: ChainHome = AT_HOME,
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
        engine: In virtual time, or on real parts.
        home: Where the chain is to run, in place of what its file names.
        allow_real: Real providers that are not on this machine may be called.
        command: The command line that repeats it.

    Raises:
        UsageError: The chain or a failure is wrong.
        HarnessError: The harness itself failed.
    """
    scenario = written(failing, count=count, streaming="100%" if streaming else "0%")
    with mistakes_in(failing):
        if engine == Engine.SIM:
            result = trial(scenario, runs=reports, chain=chain, command=command, home=home)
            result.folder.publish()
        else:
            result = run(
                scenario,
                reports=reports,
                progress=progress,
                chain=chain,
                command=command,
                allow_real=allow_real,
                engine=engine,
                home=home,
            )
    return _probed(result)


def _probed(result: RunResult) -> Probed:
    served = all(is_served(request) for request in result.run.requests.to_dict("records"))
    return Probed(result=result, complete=served, idle=never_fired(result.run))


def never_fired(run: JudgedRun) -> str:
    """Return which faults of a run changed nothing at any of their providers, and why; empty if there is none."""
    idle = idle_windows(run.data)
    windows = run.plan.timeline.windows
    fired = {window.fault_id for window in windows if (window.fault_id, window.provider) not in idle}
    return "; ".join(reason for (fault_id, _provider), reason in idle.items() if fault_id not in fired)
