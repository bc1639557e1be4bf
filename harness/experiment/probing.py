"""One request through a chain whose providers fail as asked: no scenario file is needed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.chain.home import AT_HOME, ChainHome
from harness.document import Document, did_you_mean
from harness.document.reading import parse
from harness.engines import Engine, Progress
from harness.errors import ExitCode, UsageError
from harness.experiment.single_run import RunResult, run
from harness.experiment.trial_run import trial
from harness.provider.faults import names_of
from harness.report.waterfall import is_served

DEADLINE_S = 60
"""When a caller gives up, in seconds. A fault lasts as long, so no retry finds its provider well again."""
_WORDS: Mapping[str, Mapping[str, Any]] = {
    "rate_limit": {"status": 429},
    "server_error": {"status": 500},
    "timeout": {"connection": "silent"},
    "connection": {"connection": "refused"},
}
"""The words of `retry.on`, each as a fault."""


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
    scenario = written(failing, count=count, streaming=streaming)
    if engine == Engine.SIM:
        result = trial(scenario, runs=reports, chain=chain, command=command, home=home)
        result.folder.publish()
        return _probed(result)
    live = run(
        scenario,
        reports=reports,
        progress=progress,
        chain=chain,
        command=command,
        allow_real=allow_real,
        engine=engine,
        home=home,
    )
    return _probed(live)


def _probed(result: RunResult) -> Probed:
    idle = (each.message for each in result.run.verdict.findings if each.id == "fault_never_fired" and each.count)
    served = all(is_served(request) for request in result.run.requests.to_dict("records"))
    return Probed(result=result, complete=served, idle=next(idle, ""))


def written(failing: Sequence[str], *, count: int, streaming: bool) -> Document:
    """Return the scenario of a probe.

    Raises:
        UsageError: A failure is written wrong.
    """
    scenario = {
        "name": "probe",
        "title": ", ".join(failing) or "Nothing fails",
        "load": {
            "rate": f"{60 / DEADLINE_S:g}/min",
            "arrivals": "constant",
            "streaming": "100%" if streaming else "0%",
            "deadline": f"{DEADLINE_S}s",
        },
        "phases": {"probe": f"{count * DEADLINE_S}s"},
        "faults": [{"on": name, "during": "probe", "inject": inject} for name, inject in map(_failure, failing)],
        "expect": [],
    }
    return parse(json.dumps(scenario).encode(), Path("--fail"))


def _failure(text: str) -> tuple[str, dict[str, Any]]:
    """Return whom a failure is of, and its fault."""
    name, equals, rest = text.partition("=")
    kind, *options = rest.split(",")
    if not (name and equals and kind):
        raise UsageError(f"not a failure: {text!r}", where="--fail", hint="--fail openai=429 or --fail primary=refused")
    fields: dict[str, Any] = {**_fault(kind)}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals:
            raise UsageError(
                f"not an option of a fault: {option!r}", where="--fail", hint="--fail openai=429,retry_after=2s"
            )
        fields[key.strip()] = int(value) if value.isdecimal() else value
    return name, fields


def _fault(kind: str) -> Mapping[str, Any]:
    if kind.isdecimal():
        return {"status": int(kind)}
    if kind in _WORDS:
        return _WORDS[kind]
    for field in ("connection", "stream"):
        if kind in names_of(field):
            return {field: kind}
    known = [*_WORDS, *names_of("connection"), *names_of("stream")]
    problem = f"no fault is called {kind!r}"
    raise UsageError(problem, where="--fail", known="a status, " + ", ".join(known), hint=did_you_mean(kind, known))
