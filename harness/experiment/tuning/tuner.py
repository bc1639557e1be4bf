"""The steps of a tuning: a search, the best on all incidents, the least change that is as good, and what others say of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.chain.home import AT_HOME, ChainHome
from harness.drivers.litellm_asked import version
from harness.errors import UsageError
from harness.experiment.replays.staging import DEADLINE_NS, RATE
from harness.experiment.tuning.candidates import Candidate, Tunable
from harness.experiment.tuning.folds import halves
from harness.experiment.tuning.outages import TunedOutage
from harness.experiment.tuning.searching import SettingValues, search
from harness.experiment.tuning.trials import HIGH, LOW, Trials
from harness.incident.objective import Objective
from harness.incident.toll import DEARER_MOST, SLIGHT, Toll, better, beyond_noise, dearer, front, gains
from harness.incident.tuned import HeldOut, SettingChange, Suggestion, TriedSettings, Tuned
from harness.provider.dialects import vendor_of
from harness.quantities import plural

BUDGET_S = 600.0
ROUGH = 0.5
"""Of the rate, while candidates are compared."""
_COMPARED_MOST = 3
"""So many incidents are played for each candidate."""
_FINALISTS = 5
"""So many candidates are played on all incidents that are tuned on."""
_CLEAR_NS = 10 * 10**9
"""In one incident, a difference of less is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneOptions:
    """How to tune.

    Attributes:
        against: Names of incidents, or files; all that come with the package if empty.
        objective: What a suggestion is chosen by.
        deadline_ns: How long callers wait, in nanoseconds.
        rate: Requests per second.
        budget_s: How long candidates are tried, in seconds; the last ones end later.
        trials: How many candidates are tried, in place of that.
        seed: Determines what is tried.
        processes: How many runs at a time; one for each core if None.
        prove: Play what is found on real parts too.
        home: Where the chain is to run, in place of what its file says.
    """

    against: Sequence[str] = ()
    objective: Objective = Objective.UNSERVED
    deadline_ns: int = DEADLINE_NS
    rate: float = RATE
    budget_s: float = BUDGET_S
    trials: int | None = None
    seed: int = 1
    processes: int | None = None
    prove: bool = False
    home: ChainHome = AT_HOME


class Tuner:
    """The steps of a tuning.

    Args:
        of: The file to tune.
        groups: What is played, by name.
        trials: Candidates on incidents.
        rough: The same with fewer requests: for the many that are compared.
        options: How to tune.
        say: Told what is being done.
        interrupted: Whether to end early.
    """

    def __init__(
        self,
        of: Tunable,
        groups: Mapping[str, TunedOutage],
        trials: Trials,
        rough: Trials,
        options: TuneOptions,
        *,
        say: Callable[[str], None],
        interrupted: Callable[[], bool],
    ) -> None:
        self._of = of
        self._groups = groups
        self._trials = trials
        self._rough = rough
        self._options = options
        self._objective = options.objective
        self._say = say
        self._interrupted = interrupted
        self._untried: dict[str, str] = {}

    async def tuned(self, missed: Mapping[str, str]) -> Tuned:
        """Go through them, and return what was found.

        Args:
            missed: Names of incidents that do not hit the chain, with the reason.
        """
        chosen, held_out = halves(self._groups, self._of.chain, self._options.seed)
        now = self._of.changed({})
        self._say(f"the file as it is, on {plural(len(chosen), 'incident')}")
        names, failed = await self._playable(now, chosen)
        [base] = await self._trials.tolls([now], names)
        if base is None:
            raise UsageError("stopped before the file as it is had been played", hint="the same command goes on")
        compared = await self._worst(now, names)
        cloud = await self._search(compared) if base.of(self._objective) > 0 else []
        finalists = await self._finalists(cloud, names, base)
        suggestion, refuted, why_none = await self._suggested(finalists, names, held_out, compared)
        found = suggestion or refuted
        if found is not None and all(dict(each.values) != dict(found.tried.values) for each in cloud):
            [toll] = await self._rough.tolls([self._of.changed(found.tried.values)], compared)
            cloud += [] if toll is None else [TriedSettings(values=found.tried.values, toll=toll)]
        if self._interrupted() and len(finalists) == 1:  # what was found until then, on fewer incidents
            finalists, names = cloud or finalists, compared if cloud else names
        ahead = front({number: each.toll for number, each in enumerate(finalists)})
        return Tuned(
            chain=self._of.chain,
            file=str(self._of.path),
            version=version(self._of.chain),
            settings=self._of.settings,
            objective=self._objective,
            seed=self._options.seed,
            incidents=tuple(names),
            compared=tuple(compared),
            now=finalists[0],
            front=tuple(finalists[number] for number in ahead),
            cloud=tuple(cloud),
            suggestion=suggestion,
            refuted=refuted,
            why_none=why_none,
            candidates=len(cloud),
            runs=self._trials.runs + self._rough.runs,
            interrupted=self._interrupted(),
            missed={**missed, **failed},
            untried=self._untried,
        )

    async def _playable(self, now: Candidate, names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
        """Return the incidents that the file as it is can play, and why it cannot play the others."""
        [numbers] = await self._trials.numbers([now], names)
        failed = {
            name: f"which could not be played: {why}"
            for name, each in zip(names, numbers, strict=True)
            if each is None and (why := self._trials.why_not(now, [name]))
        }
        left = [name for name in names if name not in failed]
        if not left:
            raise UsageError(f"the file as it is cannot be played: {self._trials.why_not(now, names)}")
        return left, failed

    async def _worst(self, now: Candidate, names: Sequence[str]) -> list[str]:
        """Return the few incidents that cost the most with the file as it is, for the time that it takes to play them."""
        [numbers] = await self._trials.numbers([now], names)
        cost = {
            name: (each.unserved_ns.value, each.attempts)
            for name, each in zip(names, numbers, strict=True)
            if each is not None
        }
        ranked = sorted(cost, key=lambda name: [-each / self._trials.length_ns(now, name) for each in cost[name]])
        return ranked[:_COMPARED_MOST]

    async def _search(self, compared: Sequence[str]) -> list[TriedSettings]:
        """Return all that was tried, with what the incidents cost on which all candidates are compared; the file as it is first."""
        began_s = time.monotonic()

        async def tried(asked: Sequence[SettingValues]) -> list[Toll | None]:
            self._say(f"{len(asked)} more candidates, on what costs the most: {plural(len(compared), 'incident')}")
            candidates = [self._candidate(values) for values in asked]
            tolls = iter(await self._rough.tolls([each for each in candidates if each is not None], compared))
            found = [None if each is None else next(tolls) for each in candidates]
            for values, candidate, toll in zip(asked, candidates, found, strict=True):
                if candidate is not None and toll is None and (why := self._rough.why_not(candidate, compared)):
                    self._untried[_words(values)] = why
            return found

        def more(count: int) -> bool:
            if self._interrupted():
                return False
            if self._options.trials is not None:
                return count < self._options.trials
            return time.monotonic() - began_s < self._options.budget_s

        found = await search(self._of.settings, self._options.seed, tried, more)
        return [TriedSettings(values=values, toll=toll) for values, toll in found.values()]

    def _candidate(self, values: SettingValues) -> Candidate | None:
        try:
            return self._of.changed(values)
        except UsageError as error:
            self._untried[_words(values)] = error.headline
            return None

    async def _finalists(self, cloud: Sequence[TriedSettings], names: Sequence[str], base: Toll) -> list[TriedSettings]:
        """Return the file as it is, and the best of the others, on all incidents that are tuned on."""
        tolls = {number: each.toll for number, each in enumerate(cloud)}
        ahead = front(tolls) if tolls else []
        ranked = sorted(ahead, key=lambda number: (tolls[number].of(self._objective), *tolls[number].all))
        values = [cloud[number].values for number in ranked if cloud[number].values][:_FINALISTS]
        now = TriedSettings(values={}, toll=base)
        if not values:
            return [now]
        self._say(f"the {len(values)} best, on all {len(names)} that are tuned on")
        candidates = [self._of.changed(each) for each in values]
        found = await self._trials.tolls(candidates, names)
        return [
            now,
            *(TriedSettings(values=v, toll=toll) for v, toll in zip(values, found, strict=True) if toll is not None),
        ]

    async def _suggested(
        self, finalists: Sequence[TriedSettings], names: Sequence[str], held_out: Sequence[str], compared: Sequence[str]
    ) -> tuple[Suggestion | None, Suggestion | None, str]:
        """Return the suggestion, or one that did not hold, and why there is none."""
        now, *others = finalists
        found = [each for each in others if better(each.toll, now.toll, self._objective)]
        too_dear = [each for each in others if gains(each.toll, now.toll, self._objective)]
        if not (found := found or too_dear):
            return None, None, self._why_none(now.toll)
        best = min(found, key=lambda each: (each.toll.of(self._objective), len(each.values), *each.toll.all))
        least, without = await self._shrunk(best, now, names, compared)
        candidate = self._of.changed(least.values)
        held = await self._held_out(candidate, held_out) if held_out and not self._interrupted() else None
        changes = [
            SettingChange(label=label, before=self._value(label), after=value, without=without[label])
            for label, value in least.values.items()
            if label in without
        ]
        changes.sort(key=lambda change: -(change.without.of(self._objective) - least.toll.of(self._objective)))
        suggestion = Suggestion(
            tried=least,
            changes=tuple(changes),
            held_out=held,
            raw=candidate.raw,
            diff=tuple(self._of.proposal(candidate).diff()),
        )
        why_none = self._why_not(suggestion, now.toll, checked=bool(held_out))
        return (None, suggestion, why_none) if why_none else (suggestion, None, "")

    def _why_not(self, suggestion: Suggestion, now: Toll, *, checked: bool) -> str:
        """Return why what helps is not suggested; empty if it is.

        Args:
            suggestion: What helps.
            now: What the incidents cost with the file as it is.
            checked: There are incidents to check it on.
        """
        if dearer(suggestion.tried.toll, now):
            if suggestion.tried.toll.cost_usd is None:
                return "what helps lets a provider answer whose price is not known: read its lines, and decide"
            return f"what helps makes an answer more than {DEARER_MOST - 1:.0%} dearer: read its lines, and decide"
        if checked and suggestion.held_out is None:
            stopped = "it was stopped" if self._interrupted() else "a run failed"
            return f"what helps was not checked on other incidents, since {stopped}"
        if suggestion.held_out is not None and not suggestion.held_out.holds:
            return "what helps on the incidents that were tuned on is not clearly better on the others"
        return ""

    def _value(self, label: str) -> object:
        return next(each.value for each in self._of.settings if each.label == label)

    def _why_none(self, now: Toll) -> str:
        if self._interrupted():
            return "stopped before the best were compared; the same command goes on"
        if self._objective is Objective.COST and now.cost_usd is None:
            return "the price of an answer is not known"
        if now.of(self._objective) <= 0:
            return "there is nothing to gain: nothing that these incidents did can be less"
        vendors = sorted({vendor_of(each) for each in self._of.chain.providers.values()})
        if len(vendors) == 1:
            return f"no setting does it: every provider is of one vendor ({vendors[0]}), so none leads to another"
        return "no setting does it: nothing that was tried is clearly better"

    async def _shrunk(
        self, best: TriedSettings, now: TriedSettings, names: Sequence[str], compared: Sequence[str]
    ) -> tuple[TriedSettings, dict[str, Toll]]:
        """Return the best without the changes that bring nothing, and what the incidents cost without each that is left."""
        self._say("which of the changes are needed")
        values = dict(best.values)
        before, after = await self._rough.tolls([self._of.changed({}), self._of.changed(values)], compared)
        while len(values) > 1 and before is not None and after is not None:
            without = await self._without(values, compared, self._rough)
            limit = after.of(self._objective) + _slight(before, self._objective)
            spare = {
                label: each.of(self._objective)
                for label, each in without.items()
                if dearer(after, before) or not dearer(each, before)
            }
            dropped = min(spare, key=lambda label: spare[label], default="")
            if not dropped or spare[dropped] > limit or self._interrupted():
                break
            del values[dropped]
        [toll] = await self._trials.tolls([self._of.changed(values)], names)
        if toll is None or toll.of(self._objective) - best.toll.of(self._objective) > _slight(
            now.toll, self._objective
        ):
            values, toll = dict(best.values), best.toll
        return TriedSettings(values=values, toll=toll), await self._without(values, names, self._trials)

    async def _without(self, values: SettingValues, names: Sequence[str], trials: Trials) -> dict[str, Toll]:
        """Return what some incidents cost without each of some changes."""
        less = [{other: value for other, value in values.items() if other != label} for label in values]
        found = await trials.tolls([self._of.changed(each) for each in less], names)
        return {label: each for label, each in zip(values, found, strict=True) if each is not None}

    async def _held_out(self, candidate: Candidate, names: Sequence[str]) -> HeldOut | None:
        """Return how a candidate does on incidents that it was not tuned on, at both ends of what is unknown about each."""
        self._say(f"the suggestion, on {plural(len(names), 'incident')} that it was not tuned on")
        both = [self._of.changed({}), candidate]
        before, after = await self._trials.tolls(both, names, (LOW, HIGH))
        if before is None or after is None:
            return None
        old, new = await self._trials.numbers(both, names, (LOW, HIGH))
        gained = [
            one.unserved_ns.value - other.unserved_ns.value
            for one, other in zip(old, new, strict=True)
            if one is not None and other is not None
        ]
        improved, worse = sum(each > _CLEAR_NS for each in gained), sum(each < -_CLEAR_NS for each in gained)
        clear = beyond_noise(after, before) or self._objective is not Objective.UNSERVED
        holds = better(after, before, self._objective) and clear and improved >= worse
        return HeldOut(incidents=tuple(names), before=before, after=after, better=improved, worse=worse, holds=holds)


def _slight(now: Toll, objective: Objective) -> float:
    """Return how much less is no difference."""
    return SLIGHT * abs(now.of(objective))


def _words(values: SettingValues) -> str:
    return ", ".join(f"{label} = {value}" for label, value in values.items()) or "the file as it is"
