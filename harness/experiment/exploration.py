"""Search for a timeline of faults that breaks a chain, and keep what was found as scenario files."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryFile

from harness.chain import Chain
from harness.chain.home import AT_HOME, ChainHome
from harness.document import did_you_mean
from harness.drivers.host import host
from harness.drivers.litellm_prices import priced
from harness.errors import ExitCode, HarnessError, UsageError
from harness.experiment.cluster.searches import search_on
from harness.experiment.prepare import opened
from harness.experiment.searching import Confirmed, SearchCounts, search
from harness.experiment.sim_run import simulable
from harness.judge.properties import PROPERTIES
from harness.judge.properties.bounded_latency import default_deadline_ns
from harness.quantities import duration, exact
from harness.sim.search import Find, Space
from harness.sim.search.to_yaml import to_yaml

FAULTS_MAX = 3
BUDGET_S = 60.0
_NAMED_MAX = 3


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
        retracted: How many finds did not show again in a fresh process, and so are none.
        lucky: How many finds showed with some random numbers of the chain only, and so are none.
        streamed: How many of the timelines asked for streams.
        uncovered: What the search did not look at, in sentences.
        interrupted: The search was stopped before its budget was used up.
    """

    tried: int
    took_s: float
    space: Space
    properties: tuple[str, ...]
    found: tuple[Found, ...]
    retracted: int = 0
    lucky: int = 0
    streamed: int = 0
    uncovered: tuple[str, ...] = ()
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """1 if something was found, 130 if it was interrupted."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        return ExitCode.FAIL if self.found else ExitCode.PASS

    def searched(self) -> str:
        """Return what was searched, in a line."""
        space = self.space
        faults = "one fault" if space.faults_max == 1 else f"up to {space.faults_max} faults"
        retracted = f"; {self.retracted} finds did not show again in a fresh process" if self.retracted else ""
        retracted += f"; {self.lucky} showed with some random numbers of the chain only" if self.lucky else ""
        return (
            f"{self.tried} timelines of {faults} at {', '.join(space.providers)}, {self.streamed} of them with streams, "
            f"in {duration(self.took_s * 1e9)} (seed {space.seed}, deadline {exact(space.deadline_ns, 'ns')}) for "
            f"{', '.join(self.properties)}{retracted}"
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
    interrupted: Callable[[], bool] = lambda: False,
    home: ChainHome = AT_HOME,
    scheduler: str | None = None,
    say: Callable[[str], None] = lambda _text: None,
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
        progress: Called before each run with the number of runs and of finds so far.
        found: Called with each find at once.
        interrupted: Whether to end before the budget is used up; asked before each run.
        home: Where the chain is to run, in place of what its file says.
        scheduler: Address of a Dask scheduler: each of its workers searches, each with the next seed. This process if None.
        say: Shows one thing worth knowing.

    Raises:
        UsageError: The file is wrong, nothing but a live run can host the chain, its library is not installed, a name is
            unknown, or nothing can be written to `out`.
        HarnessError: A find could not be written.
    """
    chain = priced(opened(path, home))
    space = _space(chain, deadline=deadline, providers=providers, faults=faults, seed=seed)
    names = _known(properties, tuple(PROPERTIES.own), "--property")
    host(chain)
    simulable(chain)
    _ready(out)
    began_s = time.monotonic()

    def stopped(tried: int, finds: int) -> bool:
        progress(tried, finds)
        return interrupted()

    def over(tried: int, finds: int) -> bool:
        return stopped(tried, finds) or time.monotonic() - began_s >= budget_s

    kept: list[Found] = []

    def keep(confirmed: Confirmed) -> None:
        kept.append(_keep(confirmed, space, path, out))
        found(kept[-1])

    if scheduler is None:
        counts = search(space, names, seed=seed, over=over, found=keep, database=out)
        missing: tuple[str, ...] = ()
    else:
        counts, missing = search_on(
            scheduler, space, names, seed=seed, budget_s=budget_s, over=stopped, found=keep, say=say
        )
    return Explored(
        tried=counts.tried,
        took_s=time.monotonic() - began_s,
        space=space,
        properties=names,
        found=tuple(kept),
        retracted=counts.retracted,
        lucky=counts.lucky,
        streamed=counts.streamed,
        uncovered=(*_uncovered(counts, space, names), *missing),
        interrupted=interrupted(),
    )


def _uncovered(counts: SearchCounts, space: Space, properties: Sequence[str]) -> tuple[str, ...]:
    """Return what the budget did not cover, in sentences."""
    sentences = []
    if untried := counts.untried:
        named = [f"{inject.fault_kind.words(inject).many} from {provider}" for provider, inject in untried[:_NAMED_MAX]]
        more = len(untried) - len(named)
        rest = f", and {more} more" if more else ""
        sentences.append(
            f"{len(untried)} of {len(space.pairs())} faults at a provider were never tried: {', '.join(named)}{rest}"
        )
    if "returns_to_primary" in properties and space.outlasted:
        healthy = duration(space.after * space.gap_ns)
        sentences.append(
            f"returns_to_primary was not tested: the chain's cooldown is longer than the {healthy} without faults"
        )
    return tuple(sentences)


def _space(chain: Chain, *, deadline: int | None, providers: Sequence[str], faults: int, seed: int) -> Space:
    every = chain.names
    names = _known(providers, every, "--providers")
    return Space(
        chain=chain,
        providers=names,
        faults_max=faults,
        deadline_ns=deadline or default_deadline_ns(chain, len(names)),
        seed=seed,
    )


def _known(chosen: Sequence[str], every: tuple[str, ...], option: str) -> tuple[str, ...]:
    for name in chosen:
        if name not in every:
            raise UsageError(
                f"unknown name {name!r}", where=option, known=", ".join(every), hint=did_you_mean(name, every)
            )
    return tuple(name for name in every if not chosen or name in chosen)


def _ready(out: Path) -> None:
    """Make sure that finds can be kept, before any time goes into looking for them."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise UsageError(
            f"nothing can be written here: {error.strerror}", where=str(out), hint="--out DIR names another folder"
        ) from None


def _keep(confirmed: Confirmed, space: Space, chain: Path, out: Path) -> Found:
    """Write a find down as a scenario that fails when it is run."""
    find, sentence, expect = confirmed
    for number in count(1):
        file = out / f"found-{find.name.replace('_', '-')}-{number}.yaml"
        again = shlex.join(["harness", "run", str(file)])
        text = to_yaml(
            space.scenario(find.schedule),
            chain=Path(os.path.relpath(chain.resolve(), out.resolve())).as_posix(),
            name=file.stem,
            title=sentence,
            comments=_comments(find, sentence),
            commands=[f"In virtual time: {again} --engine sim", f"On real parts:   {again}"],
            expect=expect,
        )
        if not file.exists():
            _write(file, text, sentence)
            break
        if file.read_text(encoding="utf-8") == text:  # an earlier search has found it too
            break
    return Found(
        property=find.name,
        scenario=file.resolve(),
        faults=len(find.schedule.faults),
        sentence=sentence,
        shrunk=find.shrunk,
    )


def _comments(find: Find, sentence: str) -> list[str]:
    """Return what stands above the scenario: what it shows, and what is not sure about it."""
    comments = [
        f"Found by `harness explore`. It breaks {find.name}: {sentence}.",
        f"{find.name} is broken by {PROPERTIES[find.name].broken_by}.",
        _doubt(find),
    ]
    return [comment for comment in comments if comment]


def _doubt(find: Find) -> str:
    return "" if find.shrunk else "No time was left to make it smaller."


def _write(file: Path, text: str, sentence: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        file.unlink(missing_ok=True)  # half a scenario is none
        raise HarnessError(
            f"a find could not be written: {error.strerror}",
            where=str(file),
            hint=f"--out DIR names another folder; it was: {sentence}",
        ) from None
