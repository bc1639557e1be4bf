"""Search for a timeline of faults that breaks a chain, and keep what was found as scenario files."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from harness import chain as chains
from harness import sim
from harness.chain import Chain
from harness.chain.upstream import real
from harness.document import did_you_mean, duration_text
from harness.drivers import priced
from harness.errors import ExitCode, UsageError
from harness.judge import Status, judge
from harness.judge.properties import FINDINGS, PROPERTIES, Account, deadline_ns
from harness.scenario import compile_plan, load
from harness.scenario.expect import parse
from harness.sim.search import Find, Hunt, Space, account_of
from harness.sim.search.telling import scenario_yaml, sentence

FAULTS_MAX = 3
BUDGET_S = 60.0


_LIMITS: Mapping[str, str] = {
    "survives_if_any_healthy": "success_rate >= 100%",
    "bounded_latency": "p50 latency in faults < {deadline}",
}
"""Expectations that may say what a property without a finding says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What breaks a property.

    Attributes:
        property: Its name.
        scenario: The file that shows it.
        faults: How many it takes.
        sentence: What happens, as a person would say it.
        shrunk: Whether there was time to look for something smaller.
    """

    property: str
    scenario: Path
    faults: int
    sentence: str
    shrunk: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Explored:
    """What a search came to.

    Attributes:
        tried: How many timelines were run.
        took_s: How long it took, in seconds.
        space: What was searched.
        properties: Names of those that were to be broken.
        found: What breaks them.
    """

    tried: int
    took_s: float
    space: Space
    properties: tuple[str, ...]
    found: tuple[Found, ...]

    @property
    def exit_code(self) -> int:
        """1 if something was found."""
        return ExitCode.FAIL if self.found else ExitCode.PASS

    def searched(self) -> str:
        """Return what was searched, in a line."""
        space = self.space
        faults = "one fault" if space.faults_max == 1 else f"up to {space.faults_max} faults"
        return (
            f"{self.tried} timelines of {faults} at {', '.join(space.providers)} in {self.took_s:.0f} s "
            f"(seed {space.seed}, deadline {space.deadline_ns / 1e9:g} s) for {', '.join(self.properties)}"
        )


def explore(
    path: Path,
    *,
    out: Path,
    budget_s: float = BUDGET_S,
    deadline: int | None = None,
    providers: Sequence[str] = (),
    faults: int = FAULTS_MAX,
    seed: int = 1,
    properties: Sequence[str] = (),
    progress: Callable[[int, int], None] = lambda _tried, _found: None,
    found: Callable[[Found], None] = lambda _found: None,
) -> Explored:
    """Search a chain for what breaks it.

    Args:
        path: A chain file or a litellm-config.yaml.
        out: Where finds and the database of examples are kept.
        budget_s: How long to search, in seconds of the wall.
        deadline: How long a request may take, in nanoseconds; the chain's timeout for each provider if None.
        providers: Those that count and may fail; all if empty.
        faults: How many a timeline has at most.
        seed: Fixes what is tried, and in which order.
        properties: Those to break; all if empty.
        progress: Told before each run how many there were, and how much was found.
        found: Told each find at once.

    Raises:
        UsageError: The file is wrong, nothing but a live run can host the chain, or a name is unknown.
    """
    chain = priced(chains.load(path))
    space = _space(chain, deadline=deadline, providers=providers, faults=faults, seed=seed)
    names = _known(properties, tuple(PROPERTIES), "--property")
    sim.prepare(chain)
    if upstreams := real(chain):
        raise UsageError(
            f"{next(iter(upstreams))} is a real provider, and nothing real happens in virtual time",
            where="upstream",
            hint="a chain without `upstream:`",
        )
    out.mkdir(parents=True, exist_ok=True)
    began_s = time.monotonic()

    def over() -> bool:
        progress(hunt.tried, len(hunt.finds))
        return time.monotonic() - began_s >= budget_s

    hunt = Hunt(space, properties=names, seed=seed, over=over, database=out)
    kept = []
    for each in hunt.run():
        kept.append(_keep(each, space, path, out))
        found(kept[-1])
    return Explored(
        tried=hunt.tried, took_s=time.monotonic() - began_s, space=space, properties=names, found=tuple(kept)
    )


def replayed(scenario: Path, space: Space) -> Account:
    """Run a found scenario's file in virtual time, and return what the properties look at."""
    loaded = load(scenario)
    requests, attempts = sim.records(loaded.plan, loaded.chain)
    return Account(
        requests=requests,
        attempts=attempts,
        windows=loaded.plan.timeline.windows,
        chain=loaded.chain,
        providers=space.providers,
        deadline_ns=space.deadline_ns,
        end_ns=loaded.plan.end_ns,
    )


def _space(chain: Chain, *, deadline: int | None, providers: Sequence[str], faults: int, seed: int) -> Space:
    every = (*chain.order, *(name for name in chain.providers if name not in chain.order))
    names = _known(providers, every, "--providers")
    return Space(
        chain=chain,
        providers=names,
        faults_max=faults,
        deadline_ns=deadline or deadline_ns(chain, len(names)),
        seed=seed,
    )


def _known(chosen: Sequence[str], every: tuple[str, ...], option: str) -> tuple[str, ...]:
    for name in chosen:
        if name not in every:
            raise UsageError(
                f"unknown name {name!r}", where=option, known=", ".join(every), hint=did_you_mean(name, every)
            )
    return tuple(name for name in every if not chosen or name in chosen)


def _keep(find: Find, space: Space, chain: Path, out: Path) -> Found:
    """Write a find down as a scenario that fails when it is run."""
    told = sentence(find.name, account_of(space, find.story), find.requests)
    expect = _expected(find, space)
    for number in count(1):
        file = out / f"found-{find.name.replace('_', '-')}-{number}.yaml"
        text = scenario_yaml(
            space.scenario(find.story),
            chain=Path(os.path.relpath(chain.resolve(), out.resolve())).as_posix(),
            name=file.stem,
            told=told,
            property_name=find.name,
            expect=expect,
            path=str(file),
        )
        if not file.exists():
            file.write_text(text, encoding="utf-8")
            break
        if file.read_text(encoding="utf-8") == text:  # an earlier search has found it too
            break
    return Found(
        property=find.name,
        scenario=file.resolve(),
        faults=len(find.story.faults),
        sentence=told,
        shrunk=find.shrunk,
    )


def _expected(find: Find, space: Space) -> list[str]:
    """Return the expectations, of those that say what the property says, that the verdict finds failed."""
    texts = [f"no {finding}" for finding in FINDINGS.get(find.name, ())]
    if find.name in _LIMITS:
        texts.append(_LIMITS[find.name].format(deadline=duration_text(space.deadline_ns)))
    if not texts:
        return []
    phases = space.phases
    plan = compile_plan(space.scenario(find.story), space.chain, tuple(parse(text, phases) for text in texts))
    verdict = judge(plan, sim.run(plan, space.chain).history)
    return [row.text for row in verdict.expectations if row.status is Status.FAIL]
