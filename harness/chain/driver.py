"""The shape of a driver: one declaration of how one kind of chain is hosted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.chain.advice import Advice
from harness.chain.facts import ChainFacts
from harness.chain.schedule import Schedule
from harness.chain.setting import Setting
from harness.chain.spec import Chain
from harness.chain.waits import WaitRule
from harness.provider.kinds import Kind
from harness.registry import Registry

if TYPE_CHECKING:
    from harness.document import Document


class Requirement(NamedTuple):
    """What a driver needs in the interpreter in which the chain runs.

    Attributes:
        modules: All of them must be importable.
        what: What is missing if one is not; begins a sentence.
        package: What brings it into an environment of the user's.
        hint: How to install it beside the harness.
    """

    modules: tuple[str, ...]
    what: str
    package: str
    hint: str


class Configuration(NamedTuple):
    """A configuration file of the hosted program's own, which is read as it is.

    Attributes:
        keys: Top-level keys, one of which every such file has, and no chain file.
        what: What such a file is, with its article.
        read: Returns the chain that a file describes, given the model that callers ask for; None for the first one.
    """

    keys: frozenset[str]
    what: str
    read: Callable[[Document, str | None], Chain]

    def found_in(self, written: Mapping[str, Any]) -> bool:
        """Return whether a file with these top-level keys is such a one."""
        return not self.keys.isdisjoint(written)


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """How one kind of chain is hosted.

    Attributes:
        name: As in `driver:` of a chain file.
        keys: The keys of a chain file that it takes, of those that not every driver takes, such as `workers`, `policy.hedge` and
            `providers.headers`; `python` and `environment` if it can host a chain in another interpreter.
        required: Those of them that such a chain must have.
        kinds: The kinds of request that it can carry.
        own_order: Returns the fields of a request's body by which it asks for an order of its own, given the chain and the names of
            providers or model groups, which the chain has; raises ChainError where that cannot be asked for. None if it never can.
        backoffs: The values of `retry.backoff` that it can carry out.
        check: Raises ChainError for a chain that asks for something that would not be tested.
        warnings: Returns what would not be carried over, in sentences, given the environment that keys are looked up in.
        facts: Returns what the judge needs to know about a chain.
        schedules: Returns what a request does that fails alike at every provider; none where only a run can show it.
        waits: Returns by which rule it waits before it tries a provider again, by provider; without those of which only a run
            can show it.
        advice: Returns what is probably not meant in a chain's own settings, beside what holds for every driver; given the
            chain and its schedules.
        settings: Returns what the chain's file may set, and what of it is worth trying, given the chain and the file's data; nothing
            where the user's own code or gateway decides.
        configuration: What it reads in place of a chain file; None if nothing.
        requirement: What must be installed where the chain runs; None if nothing.
        part: Returns the program of our own child process that hosts the chain in a live run, as after `python -m`: a module
            and its arguments. None if the user's own gateway hosts it.
        variables: Returns the names of the environment variables that its library takes settings from, other than keys: the
            process that hosts the chain gets these and what the chain names. Given the files of the modules in `requirement`
            where they are another interpreter's.
        forked: Whether that program may be forked from a process that has done its imports: it starts no thread before it
            is asked to, and takes no arguments.
        in_process: Hosts a chain in this very process (`harness.drivers.server.Open`); None if only a live run can.
        preload: Imports what is needed to host a chain in this process; it may take seconds.
        imports: Imports the libraries of one chain as a run would, where they may depend on its file; given where each provider is
            called. None if a run on any chain imports the same.
        shortcuts: While it is entered, leaves out the chain's own work that does not affect the history.
    """

    name: str
    keys: frozenset[str]
    required: frozenset[str]
    kinds: frozenset[Kind]
    own_order: Callable[[Chain, Sequence[str]], Mapping[str, Any]] | None
    backoffs: frozenset[str]
    check: Callable[[Chain], None]
    warnings: Callable[[Chain, Mapping[str, str]], tuple[str, ...]]
    facts: Callable[[Chain], ChainFacts]
    schedules: Callable[[Chain], tuple[Schedule, ...]]
    waits: Callable[[Chain], Mapping[str, WaitRule]]
    advice: Callable[[Chain, tuple[Schedule, ...]], Iterable[Advice]]
    settings: Callable[[Chain, Mapping[str, Any]], tuple[Setting, ...]]
    configuration: Configuration | None
    requirement: Requirement | None
    part: Callable[[Chain], tuple[str, ...]] | None
    variables: Callable[[Mapping[str, str]], frozenset[str]]
    forked: bool
    in_process: Callable[..., AbstractAsyncContextManager[Any]] | None
    preload: Callable[[], None]
    imports: Callable[[Chain, Mapping[str, str]], None] | None
    shortcuts: Callable[[], AbstractContextManager[None]]

    def __post_init__(self) -> None:
        """Refuse a declaration that contradicts itself.

        Raises:
            ValueError: It does.
        """
        if not self.required <= self.keys:
            raise ValueError(f"driver {self.name!r} requires keys that do not go with it")
        if (self.part is None) != ("endpoint" in self.required):
            raise ValueError(f"driver {self.name!r} needs a part of ours, or an `endpoint`")
        if self.in_process is not None and self.part is None:
            raise ValueError(f"driver {self.name!r} is hosted in this process, but in no live run")


DECLARED = frozenset({"fallback.on", "policy.max_attempts"})
"""Keys by which a chain that decides for itself states what it does."""


def declared(chain: Chain, facts: ChainFacts) -> ChainFacts:
    """Return the facts of a chain with what its file declares by these keys."""
    return replace(
        facts,
        falls_back_on=None if chain.fallback is None else chain.fallback.on,
        attempts_at_most=None if chain.policy is None else chain.policy.max_attempts,
        lanes=() if chain.fallback is None else tuple(n for lane in chain.fallback.lanes.values() for n in lane),
    )


DRIVERS = Registry("drivers", package="harness.drivers.kinds", shape=Driver, name_of=lambda driver: driver.name)


def driver_of(chain: Chain) -> Driver:
    """Return the driver of a chain whose file has been checked."""
    return DRIVERS[chain.driver]


def later(place: str) -> Callable[..., Any]:
    """Return a function that is imported when it is called: a declaration must cost no imports.

    Args:
        place: `package.module:name`.
    """
    module, _, name = place.partition(":")

    def call(*args: Any, **options: Any) -> Any:
        return getattr(import_module(module), name)(*args, **options)

    return call
