"""Settings tried in generations: each alone first, then what Optuna's NSGA-II makes of the best."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from harness.chain.setting import Setting
from harness.incident.objective import Objective
from harness.incident.toll import Toll
from harness.incident.tuned import key_of

GENERATION = 12
"""How many candidates are tried side by side."""
_WORST = 1e300
"""Of a candidate that could not be tried; Optuna takes no infinite number."""

SettingValues = dict[str, Any]
"""What a candidate changes, by the setting's label."""


def alone(settings: Sequence[Setting]) -> Iterator[SettingValues]:
    """Yield each choice of each setting alone."""
    for setting in settings:
        for choice in setting.choices:
            yield {setting.label: choice}


async def search(
    settings: Sequence[Setting],
    seed: int,
    tried: Callable[[Sequence[SettingValues]], Awaitable[Sequence[Toll | None]]],
    more: Callable[[int], bool],
) -> dict[str, tuple[SettingValues, Toll]]:
    """Return what was tried, with its toll.

    Args:
        settings: What may be changed.
        seed: Determines what is tried.
        tried: Returns what candidates come to, in their order.
        more: Whether there is time for another generation, given how many candidates were tried.
    """
    import optuna  # noqa: PLC0415 - an extra, which takes a second

    logging.getLogger("optuna").setLevel(logging.ERROR)
    sampler = optuna.samplers.NSGAIISampler(population_size=GENERATION, seed=seed)
    study = optuna.create_study(directions=["minimize"] * len(Objective), sampler=sampler)
    spaces: dict[str, Any] = {
        setting.label: optuna.distributions.CategoricalDistribution(range(len(setting.choices) + 1))
        for setting in settings
    }
    first = [{}, *alone(settings)]
    for values in first:
        study.enqueue_trial({each.label: _number(each, values) for each in settings})
    found: dict[str, tuple[SettingValues, Toll]] = {}
    count, size = 0, len(first)
    while True:
        trials = [study.ask(spaces) for _ in range(size)]
        asked = [_values(settings, trial.params) for trial in trials]
        for trial, values, toll in zip(trials, asked, await tried(asked), strict=True):
            study.tell(trial, [_WORST] * len(Objective) if toll is None else [min(each, _WORST) for each in toll.all])
            if toll is not None:
                found.setdefault(key_of(values), (values, toll))
        count += size
        size = GENERATION
        if not more(count):
            return found


def _number(setting: Setting, values: SettingValues) -> int:
    """Return the number of a setting's choice; 0 for what the file says now."""
    return setting.choices.index(values[setting.label]) + 1 if setting.label in values else 0


def _values(settings: Sequence[Setting], numbers: Mapping[str, int]) -> SettingValues:
    return {each.label: each.choices[number - 1] for each in settings if (number := numbers[each.label])}
