"""A kind of fault in one record. Whatever has to do with faults asks it, so a new kind is one file.

Nothing here has a default: a kind that leaves a fact open fails when its file is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from harness.history import AttemptOutcome

if TYPE_CHECKING:
    from harness.provider.answer import Answer
    from harness.provider.faults.context import AnswerProgress, FaultContext
    from harness.provider.inject import Inject
    from harness.provider.reply import Step

Aspect = Literal["listener", "instead", "body", "pace", "delay"]
"""What a fault changes: the provider's port, who answers, the body, how fast tokens come, or when the headers come.

An attempt can meet one fault of each aspect; of several that change the same one, the first in the file acts.
"""

Family = Literal["refusals", "waits", "hopeless", "broken", "slow", "streamed"]
"""Faults that `explore` tries equally often, whatever their number."""


class Words(NamedTuple):
    """One fault in words.

    Attributes:
        label: With its parameters, for a picture: `stream cut after 3 tokens`.
        did: What the provider did, in the past tense: `cut answers off`.
        one: One attempt that met it: `cut answer`.
        many: Several of them: `cut answers`.
    """

    label: str
    did: str
    one: str
    many: str


class Example(NamedTuple):
    """One fault that `explore` tries.

    Attributes:
        family: Its family.
        place: Its place there: the lower, the simpler. A find is simplified towards the lowest.
        inject: The fault.
    """

    family: Family
    place: int
    inject: Inject


@dataclass(frozen=True, slots=True, kw_only=True)
class ActsOnListener:
    """The provider's port behaves differently; the edge does not notice.

    Attributes:
        state: Returns the fields of the port's `ListenerState` that the fault sets.
    """

    state: Callable[[Inject], Mapping[str, Any]]

    @property
    def aspect(self) -> Aspect:
        """What it changes."""
        return "listener"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActsOnProcess:
    """The gateway's process is ended; no provider has one. `harness.provider.legs` has what it does."""

    @property
    def aspect(self) -> Aspect:
        """What it changes: nobody is connected."""
        return "listener"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActsInstead:
    """An answer takes the place of the provider's.

    Attributes:
        answer: Returns it.
    """

    answer: Callable[[FaultContext], Answer]

    @property
    def aspect(self) -> Aspect:
        """What it changes."""
        return "instead"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActsOnAnswer:
    """The provider's own answer is changed on its way, whether a mock's, known whole, or a real one's, piece by piece.

    Attributes:
        aspect: What it changes.
        change: From how far the answer has come and its next step, to how far it has come now and the steps that leave in
            that step's place.
        streams_only: It leaves plain answers alone, and so never chooses one.
        outcome: What an attempt counts as whose changed answer ended properly on the wire; `ok` if that is fine.
        error_code: Returns the error code that a client reads in the changed answer; None where there is none.
        withholds_text: The provider did not mean to send what the fault leaves out.
    """

    aspect: Literal["body", "pace", "delay"]
    change: Callable[[FaultContext, AnswerProgress, Step], tuple[AnswerProgress, Sequence[Step]]]
    streams_only: bool
    outcome: AttemptOutcome
    error_code: Callable[[FaultContext], str | None]
    withholds_text: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultKind:
    """All that is known of one kind of fault.

    Attributes:
        kind: Its name in records, and of its entry point: `reset`, `stream_reset`.
        written: How `inject` names it: `connection: reset`, `stream: cut`, a key of its own (or one of several) such as
            `delay`; a kind of another package is `fault: KIND`.
        keys: Keys of `inject` that may go with it.
        needs: Keys that it cannot do without, each with a value for the hint.
        check: Raises `document.field_error` where its keys contradict each other.
        act: What it does.
        ends_by: How it breaks an exchange that has begun: the connection is reset (RST) or closed (FIN); None if it does not.
        kills: Returns whether no attempt that it touches can succeed, streamed or not.
        fails: An attempt that it touches usually fails, which costs the chain's processor.
        merely_slows: It breaks nothing by itself; drawn paler.
        words: Returns it in words.
        meets: What a caller meets, for the reference; of a `stream` fault in a stream.
        meets_plain: What a caller of a plain answer meets; `nothing` where it is left alone, empty where it is the same.
        examples: What `explore` tries of it; none where another kind looks the same to a chain, or breaks nothing.
    """

    kind: str
    written: tuple[str, ...]
    keys: frozenset[str]
    needs: Mapping[str, str]
    check: Callable[[Inject], None]
    act: ActsOnListener | ActsInstead | ActsOnAnswer | ActsOnProcess
    ends_by: Literal["reset", "close"] | None
    kills: Callable[[Inject], bool]
    fails: bool
    merely_slows: bool
    words: Callable[[Inject], Words]
    meets: str
    meets_plain: str
    examples: tuple[Example, ...]

    def __post_init__(self) -> None:
        """Refuse a record that contradicts itself.

        Raises:
            ValueError: It does.
        """
        for form in self.written:
            key, _, name = form.partition(": ")
            if name and self.kind != {"stream": f"stream_{name}"}.get(key, name):
                raise ValueError(f"fault {self.kind!r} is written {form!r}")
        if self.needs.keys() - self.keys:
            raise ValueError(f"fault {self.kind!r} needs keys that do not go with it")
        if self.streams_only != (self.meets_plain == "nothing"):
            raise ValueError(f"fault {self.kind!r} says in 'meets_plain' what its 'streams_only' denies")

    @property
    def aspect(self) -> Aspect:
        """What it changes."""
        return self.act.aspect

    @property
    def whole_provider(self) -> bool:
        """Whether it acts on the provider's port, never on a choice of attempts."""
        return isinstance(self.act, ActsOnListener)

    @property
    def of_process(self) -> bool:
        """Whether it acts on the gateway's process, never on a provider."""
        return isinstance(self.act, ActsOnProcess)

    @property
    def streams_only(self) -> bool:
        """Whether it leaves plain answers alone."""
        return isinstance(self.act, ActsOnAnswer) and self.act.streams_only

    @property
    def of_connection(self) -> bool:
        """Whether it is a fault of the connection, whatever would be answered."""
        return self.whole_provider or self.written[0].startswith("connection: ")

    def listener(self, inject: Inject) -> Mapping[str, Any]:
        """Return the fields of the port's `ListenerState` that it sets; none unless it takes the whole provider."""
        return self.act.state(inject) if isinstance(self.act, ActsOnListener) else {}


def always(_inject: Inject) -> bool:
    """Return True: it kills, whatever its keys are."""
    return True


def never(_inject: Inject) -> bool:
    """Return False: an attempt that meets it may still succeed."""
    return False


def anything(_inject: Inject) -> None:
    """Refuse nothing: keys of this kind cannot contradict each other."""


def no_error(_context: FaultContext) -> None:
    """Return None: the changed answer holds no error."""
