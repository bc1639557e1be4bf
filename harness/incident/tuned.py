"""What a tuning found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.chain import Chain
from harness.chain.setting import Setting
from harness.incident.numbers import SampledNumber
from harness.incident.objective import Objective
from harness.incident.toll import Toll


def key_of(values: Mapping[str, Any]) -> str:
    """Return what tells settings from others."""
    return repr(sorted(values.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedSettings:
    """Some settings, and what the incidents cost with them.

    Attributes:
        values: What they change, by label; empty for the file as it is.
        toll: What the incidents that were tuned on cost.
    """

    values: Mapping[str, Any]
    toll: Toll


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingChange:
    """One line of a suggestion.

    Attributes:
        label: The setting.
        before: What the file says; None if nothing.
        after: What it is to say.
        without: What the incidents that were tuned on cost with all of the suggestion but this.
    """

    label: str
    before: Any
    after: Any
    without: Toll


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """How a suggestion does on incidents that it was not tuned on.

    Attributes:
        incidents: Their names.
        before: What they cost with the file as it is.
        after: What they cost with the suggestion.
        better: In how many of them callers went clearly less unserved.
        worse: In how many clearly more.
        holds: They bear the suggestion out.
    """

    incidents: tuple[str, ...]
    before: Toll
    after: Toll
    better: int
    worse: int
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What the file should say.

    Attributes:
        tried: Its settings.
        changes: Each of them, the one that brings most first.
        held_out: How it does on other incidents; None where there were too few to hold some out.
        raw: The file with it. May have secrets.
        diff: The difference, as lines; keys are masked.
    """

    tried: TriedSettings
    changes: tuple[SettingChange, ...]
    held_out: HeldOut | None
    raw: bytes = field(repr=False)
    diff: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Settings that were played on real parts too.

    Attributes:
        values: What they change, by label; empty for the file as it is.
        incident: On which they were played.
        simulated: For how long callers went unserved in virtual time, with what chance leaves open, in nanoseconds.
        live: The same on real parts; None if that run gave no number.
        run: The folder of that run; None if none was begun.
        error: Why it gave no number; empty if it did.
    """

    values: Mapping[str, Any]
    incident: str
    simulated: SampledNumber
    live: SampledNumber | None
    run: str | None
    error: str

    @property
    def agrees(self) -> bool:
        """Both may be the same number."""
        return self.live is not None and self.live.low <= self.simulated.high and self.simulated.low <= self.live.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What a tuning found.

    Attributes:
        chain: The chain as it is.
        file: The file that holds its settings.
        version: Of the library that hosts it; None if that has none.
        settings: What was tried.
        objective: What a suggestion is chosen by.
        seed: Determined what was tried.
        incidents: Those that were tuned on.
        compared: Those of them on which all candidates were compared: they cost the most now.
        now: The file as it is.
        front: What no other settings beat, on all incidents that were tuned on.
        cloud: Every candidate on those that were compared on.
        suggestion: What the file should say; None if there is nothing.
        refuted: A suggestion that did not hold on the incidents that it was not tuned on.
        why_none: Why there is no suggestion, in a sentence; empty if there is one.
        candidates: How many were tried.
        runs: How many runs that took.
        interrupted: It was stopped early.
        missed: Names of incidents that do not hit the chain, with the reason.
        untried: Settings that could not be tried, with the reason.
        proofs: What was played on real parts too, if that was asked for.
    """

    chain: Chain = field(repr=False)
    file: str
    version: str | None
    settings: tuple[Setting, ...]
    objective: Objective
    seed: int
    incidents: tuple[str, ...]
    compared: tuple[str, ...]
    now: TriedSettings
    front: tuple[TriedSettings, ...]
    cloud: tuple[TriedSettings, ...]
    suggestion: Suggestion | None
    refuted: Suggestion | None
    why_none: str
    candidates: int
    runs: int
    interrupted: bool
    missed: Mapping[str, str]
    untried: Mapping[str, str]
    proofs: tuple[Proof, ...] = ()
