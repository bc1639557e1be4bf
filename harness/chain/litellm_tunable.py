"""What a LiteLLM configuration may set for the sake of a chain: retries, timeouts, cooldowns, fallbacks; where each is in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.chain.litellm_check import section, takes
from harness.chain.litellm_fallbacks import TABLES, fallbacks, is_blocked, target_of
from harness.chain.litellm_names import names
from harness.chain.setting import STREAM_TIMEOUTS_S, TIMEOUTS_S, Setting, at, fallback_orders
from harness.chain.spec import Chain
from harness.document.places import Place, field_name

_ROUTER, _MODULE = "router_settings", "litellm_settings"
_OFFERED: Mapping[Place, tuple[Any, ...]] = {
    ("num_retries",): (0, 1, 2, 3, 5),
    ("timeout",): TIMEOUTS_S,
    ("stream_timeout",): STREAM_TIMEOUTS_S,
    ("allowed_fails",): (0, 1, 2, 5, 20, 1000),
    ("cooldown_time",): (2, 15, 30, 60),
    ("retry_after",): (1, 5),
    ("retry_policy", "RateLimitErrorRetries"): (0, 1, 3),
    ("retry_policy", "TimeoutErrorRetries"): (0, 1),
    ("retry_policy", "InternalServerErrorRetries"): (0, 1, 3),
}
"""By place in `router_settings`, what is worth trying. Times in seconds."""
_CALLED = {"timeout": "request_timeout"}
"""What `litellm_settings` calls a setting of the Router's by another name."""
_OF_ROUTER = frozenset({"stream_timeout", "retry_policy"})
"""What only `router_settings` can hold."""
_OWN = ("timeout", "stream_timeout", "num_retries")
"""What a deployment may state itself, which then counts in place of the Router's."""


def settings(chain: Chain, written: Mapping[str, Any]) -> tuple[Setting, ...]:
    """Return what a configuration may set, each where it is in force; what only a file that it includes says is not offered.

    Args:
        chain: The chain of the configuration.
        written: The data of the file itself.
    """
    in_force = chain.litellm or {}
    return (*_common(in_force, written), *_deployments(chain, written), *_fallbacks(chain, in_force, written))


def _common(in_force: Mapping[str, Any], written: Mapping[str, Any]) -> Iterator[Setting]:
    for place, tried in _OFFERED.items():
        where = (_ROUTER, *place)
        if place[0] not in _OF_ROUTER and at(in_force, where) is None:
            theirs = (_MODULE, _CALLED.get(str(place[0]), place[0]))
            where = theirs if at(in_force, theirs) is not None else where
        value = at(in_force, where)
        above = at(in_force, where[:-1])
        if value == at(written, where) and (above is None or isinstance(above, dict)):
            yield Setting.of(where, field_name(where[1:]), value, tried)


def _deployments(chain: Chain, written: Mapping[str, Any]) -> Iterator[Setting]:
    """Yield what single deployments of the chain state themselves."""
    listed = written.get("model_list") or ()
    for number, name in enumerate(names(chain.litellm or {})[: len(listed)]):
        for key in _OWN if name in chain.providers else ():
            place: Place = ("model_list", number, "litellm_params", key)
            if (value := at(written, place)) is not None:
                yield Setting.of(place, f"{name}: {key}", value, _OFFERED[(key,)])


def _fallbacks(chain: Chain, in_force: Mapping[str, Any], written: Mapping[str, Any]) -> Iterator[Setting]:
    """Yield the fallbacks of the model that callers ask for: their order, and which groups nobody falls back to may be added."""
    entry = chain.entry_model
    table = fallbacks(in_force)
    if entry not in table and "*" in table:
        return
    now = table.get(entry, [])
    kinds = {takes(raw) for raw in in_force["model_list"] if raw["model_name"] == entry}
    usable = dict.fromkeys(
        raw["model_name"] for raw in in_force["model_list"] if takes(raw) in kinds and not is_blocked(raw)
    )
    others = [name for name in usable if name not in (entry, *now) and "*" not in name]
    where = next((each for each in (_ROUTER, _MODULE) if section(in_force, each).get(TABLES[0])), _ROUTER)
    items = section(in_force, where).get(TABLES[0]) or []
    if items != (at(written, (where, TABLES[0])) or []):
        return
    spelt = {target_of(each): each for item in items for each in item.get(entry, ())}
    orders = [[spelt.get(name, name) for name in order] for order in fallback_orders(now, others)]
    if not orders:
        return
    label = f"fallbacks of {entry}"
    number = next((number for number, item in enumerate(items) if entry in item), len(items))
    if items:
        place: Place = (where, TABLES[0], number, entry)
        yield Setting(place=place, label=label, value=at(written, place), choices=tuple(orders))
    else:
        choices = tuple([{entry: order}] for order in orders)
        yield Setting(place=(where, TABLES[0]), label=label, value=None, choices=choices)
