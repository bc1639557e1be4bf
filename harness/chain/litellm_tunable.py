"""What a LiteLLM configuration may set for the sake of a chain: retries, timeouts, cooldowns, fallbacks; where each is in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.chain.litellm_check import takes
from harness.chain.litellm_fallbacks import SECTIONS, fallbacks, fallbacks_to, is_blocked
from harness.chain.litellm_names import names
from harness.chain.setting import STREAM_TIMEOUTS_S, TIMEOUTS_S, Setting, at, fallback_orders
from harness.chain.spec import Chain
from harness.document.places import Place, field_name

_ROUTER, _MODULE = SECTIONS
_POLICY, _GROUP_POLICY = "retry_policy", "model_group_retry_policy"
_BREAKER = frozenset({"allowed_fails", "cooldown_time"})
_OFFERED: Mapping[Place, tuple[Any, ...]] = {
    ("num_retries",): (0, 1, 2, 3, 5),
    ("timeout",): TIMEOUTS_S,
    ("stream_timeout",): STREAM_TIMEOUTS_S,
    ("allowed_fails",): (0, 1, 2, 5, 20, 1000),
    ("cooldown_time",): (2, 15, 30, 60),
    ("disable_cooldowns",): (False,),
    ("retry_after",): (1, 5),
    (_POLICY, "RateLimitErrorRetries"): (0, 1, 3),
    (_POLICY, "TimeoutErrorRetries"): (0, 1),
    (_POLICY, "InternalServerErrorRetries"): (0, 1, 3),
    (_POLICY, "ServiceUnavailableErrorRetries"): (0, 1, 3),
}
"""By place in `router_settings`, what is worth trying. Times in seconds."""
_IN_MODULE = {"num_retries": "num_retries", "timeout": "request_timeout"}
"""What `litellm_settings` may state too, by the name that it has there. LiteLLM takes no other of these settings from there."""
_OWN = {
    "num_retries": "num_retries",
    "timeout": "timeout",
    "request_timeout": "timeout",
    "stream_timeout": "stream_timeout",
    "cooldown_time": "cooldown_time",
}
"""What a deployment may state itself, which then counts in place of the Router's, here by that one's name."""


def settings(chain: Chain, written: Mapping[str, Any]) -> tuple[Setting, ...]:
    """Return what a configuration may set, each where it is in force; what only a file that it includes says is not offered.

    Args:
        chain: The chain of the configuration.
        written: The data of the file itself.
    """
    in_force = chain.litellm or {}
    return (*_common(chain, in_force, written), *_deployments(chain, written), *_fallbacks(chain, in_force, written))


def _common(chain: Chain, in_force: Mapping[str, Any], written: Mapping[str, Any]) -> Iterator[Setting]:
    """Yield what holds for all deployments, unless each of them states its own, or there are no cooldowns that it could change."""
    theirs = [{_OWN[key] for key in _OWN.keys() & raw["litellm_params"]} for raw in _usable(chain, in_force)]
    stated = set[str]().union(*theirs).intersection(*theirs)
    cooling = at(in_force, (_ROUTER, "disable_cooldowns")) is not True
    for place, tried in _OFFERED.items():
        key = str(place[0])
        if key in stated or (key in _BREAKER and not cooling) or (key == "disable_cooldowns" and cooling):
            continue
        for where in _where(chain.entry_model, in_force, place):
            value = at(in_force, where)
            above = at(in_force, where[:-1])
            if value == at(written, where) and (above is None or isinstance(above, dict)):
                yield Setting.of(where, field_name(where[1:]), value, tried)


def _where(entry: str, in_force: Mapping[str, Any], place: Place) -> Iterator[Place]:
    """Yield where a setting is written: in both sections if both have it by names of their own, as versions differ in which one counts."""
    key = str(place[0])
    if key == _POLICY and at(in_force, (_ROUTER, _GROUP_POLICY, entry)) is not None:
        yield (_ROUTER, _GROUP_POLICY, entry, *place[1:])
        return
    router: Place = (_ROUTER, *place)
    module = (_MODULE, _IN_MODULE.get(key, ""))
    in_router, in_module = at(in_force, router) is not None, at(in_force, module) is not None
    if in_module and (not in_router or module[-1] != key):
        yield module
    if in_router or not in_module:
        yield router


def _deployments(chain: Chain, written: Mapping[str, Any]) -> Iterator[Setting]:
    """Yield what single deployments of the chain state themselves."""
    listed = written.get("model_list") or ()
    for number, name in enumerate(names(chain.litellm or {})[: len(listed)]):
        for key, like in _OWN.items() if name in chain.providers else ():
            place: Place = ("model_list", number, "litellm_params", key)
            if (value := at(written, place)) is not None:
                yield Setting.of(place, f"{name}: {key}", value, _OFFERED[(like,)])


def _usable(chain: Chain, in_force: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the deployments that can answer what callers ask for."""
    kinds = {takes(raw) for raw in in_force["model_list"] if raw["model_name"] == chain.entry_model}
    return [raw for raw in in_force["model_list"] if takes(raw) in kinds and not is_blocked(raw)]


def _fallbacks(chain: Chain, in_force: Mapping[str, Any], written: Mapping[str, Any]) -> Iterator[Setting]:
    """Yield the fallbacks of the model that callers ask for: their order, and which groups nobody falls back to may be added."""
    entry = chain.entry_model
    table = fallbacks(in_force)
    if entry not in table and "*" in table:
        return
    now = table.get(entry, [])
    usable = dict.fromkeys(raw["model_name"] for raw in _usable(chain, in_force))
    others = [name for name in usable if name not in (entry, *now) and "*" not in name]
    orders = list(fallback_orders(now, others))
    changes = [fallbacks_to(in_force, entry, order) for order in orders]
    if not changes or changes != [fallbacks_to(written, entry, order) for order in orders]:
        return
    place = changes[0][0]
    yield Setting(
        place=place,
        label=f"fallbacks of {entry}",
        value=at(written, place),
        choices=tuple(choice for _place, choice in changes),
    )
