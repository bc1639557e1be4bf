"""Which models of a configuration behave alike but for their names: a part of `litellm_reader`, which imports nothing of ours either."""

from __future__ import annotations

from typing import Any


def shape(question: dict[str, Any], places: list[int], walk: list[list[int]]) -> list[Any]:
    """Return all that what a request does depends on, but for the names of models."""
    policies = question["retries"].get("model_group_retry_policy") or {}
    listed = question["model_list"]
    own = [[listed[place]["params"], policies.get(listed[place]["model_name"])] for place in places]
    groups = [listed[place]["model_name"] for place in places]
    return [[[places.index(place) for place in pick] for pick in walk], own, [groups.index(name) for name in groups]]


def renumbered(played: dict[str, Any], place_of: dict[int, int]) -> dict[str, Any]:
    """Return what was played with other places."""
    schedules = {
        failure: found
        and {
            **found,
            "attempts": [[[place_of[place] for place in places], *wait] for places, *wait in found["attempts"]],
        }
        for failure, found in played["schedules"].items()
    }
    return {**played, "schedules": schedules}
