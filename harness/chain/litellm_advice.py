"""What a LiteLLM configuration says that LiteLLM does not do, or does in another way: with what LiteLLM did when it was asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from harness.chain.advice import Advice
from harness.chain.litellm_check import aliases, section
from harness.chain.litellm_facts import COOLDOWN_S
from harness.chain.litellm_fallbacks import TABLES, disabled, fallbacks, place_of, target_of
from harness.chain.litellm_names import names
from harness.chain.schedule import Schedule
from harness.chain.scrub import shown_key
from harness.chain.spec import Chain
from harness.document.places import Place
from harness.document.spelling import did_you_mean
from harness.provider.dialects import vendor_of
from harness.quantities import amount, listed, plural

_ROUTER, _MODULE = "router_settings", "litellm_settings"
_COOLDOWN = ("allowed_fails", "allowed_fails_policy", "cooldown_time")
_KNOWN_MAX = 8
_ALLOWED_FAILS_UNSET = 3
"""LiteLLM's own; it takes the same number for one that is not set."""
_OUTAGE, _LIMIT = "catalogue/unavailable.yaml", "catalogue/rate-limit-retry-after.yaml"
_DENIED = "catalogue/auth-failure.yaml"


class Rest(NamedTuple):
    """Whether LiteLLM leaves the first deployment alone that fails in every request.

    Attributes:
        after: How many failed attempts it takes; None if it does not.
        attempts: How many there were.
    """

    after: int | None
    attempts: int


def advice(chain: Chain, schedules: Sequence[Schedule], rests: Mapping[str, Rest]) -> Iterator[Advice]:
    """Yield what is probably not meant.

    Args:
        chain: Of a configuration, as LiteLLM reads it.
        schedules: What LiteLLM did when every deployment failed alike; none if it could not be asked.
        rests: By what the first deployment failed with.
    """
    config = chain.litellm or {}
    by_failure = {failure: schedule for schedule in schedules for failure in schedule.failures}
    yield from _order(chain)
    yield from _sources(config)
    yield from _disabled(chain, config)
    yield from _walk(chain, config)
    yield from _retry_policy(chain, config, by_failure)
    yield from _cooldown(chain, config, rests)
    yield from _locked_out(chain, schedules)
    yield from _keys(config)
    if (schedule := by_failure.get("content_filter")) is not None:
        first, *others = schedule.hops
        if others and first.tries > 1:
            text = (
                f"a refusal by a content policy is tried {first.tries} times at {first.name}: "
                f"{others[0].name} is asked after {others[0].after.text}"
            )
            yield Advice("refusal_retried", (_ROUTER,), text, "catalogue/content-filter.yaml")
    for name in (_ROUTER, _MODULE):
        for table in ("context_window_fallbacks", "content_policy_fallbacks"):
            if section(config, name).get(table) is True:
                text = 'true names no model, so LiteLLM falls back to none; write [{"gpt-4": ["a-longer-one"]}]'
                yield Advice("no_table", (name, table), text, "catalogue/context-length.yaml")


def _order(chain: Chain) -> Iterator[Advice]:
    """Yield that deployments of several vendors under one name are in no order."""
    first = chain.levels[0]
    vendors = list(dict.fromkeys(vendor_of(chain.providers[name]) for name in first))
    strategy = section(chain.litellm or {}, _ROUTER).get("routing_strategy", "simple-shuffle")
    if len(vendors) > 1 and strategy == "simple-shuffle":
        text = (
            f"{chain.entry_model} is {plural(len(first), 'deployment')} at {listed(vendors)}, in no order: LiteLLM picks one at "
            "random for each attempt; `order: 1`, `order: 2` in their litellm_params, or fallbacks, make an order"
        )
        yield Advice("no_order", place_of(chain.litellm or {}, chain.entry_model), text, _OUTAGE)


def _sources(config: Mapping[str, Any]) -> Iterator[Advice]:
    """Yield fallbacks of a model that nobody can ask for."""
    groups = list(dict.fromkeys(raw["model_name"] for raw in config.get("model_list", ())))
    known = [*groups, *aliases(config)]
    if any("*" in group for group in groups):  # which takes names that are written nowhere
        return
    for name, table in product((_ROUTER, _MODULE), TABLES):
        written = section(config, name).get(table)
        for number, item in enumerate(written if isinstance(written, list) else ()):
            for source in item:
                if source == "*" or source in known:
                    continue
                hint = did_you_mean(source, known) or f"known: {listed(known, most=_KNOWN_MAX)}"
                text = f"no model_name is {source!r}, so these fallbacks are never used; {hint}"
                yield Advice("unknown_source", (name, table, number, source), text, _OUTAGE)


def _disabled(chain: Chain, config: Mapping[str, Any]) -> Iterator[Advice]:
    """Yield fallbacks that LiteLLM leaves out, as all their deployments are blocked. Not every version does."""
    off = disabled(config)
    asked = {
        raw["model_name"] for raw, name in zip(config["model_list"], names(config), strict=True) if name in chain.order
    }
    for name, table in product((_ROUTER, _MODULE), TABLES):
        written = section(config, name).get(table)
        for number, item in enumerate(written if isinstance(written, list) else ()):
            for source, targets in item.items():
                for place, target in enumerate(targets):
                    if target_of(target) in off - asked:
                        text = f"{target_of(target)} is disabled (`blocked: true` in its model_info): LiteLLM never asks it"
                        yield Advice("disabled_target", (name, table, number, source, place), text, _OUTAGE)


def _walk(chain: Chain, config: Mapping[str, Any]) -> Iterator[Advice]:
    """Yield fallbacks that lead back, and fallbacks of fallbacks."""
    table = fallbacks(config)
    entry = chain.entry_model
    place = (_ROUTER if section(config, _ROUTER).get("fallbacks") else _MODULE, "fallbacks")
    if (cycle := _cycle(table, entry)) is not None:
        text = f"{' → '.join(cycle)} is a cycle; LiteLLM asks each model once in a request, then it returns the error"
        yield Advice("cycle", place, text, "catalogue/everything-down.yaml")
    own = table.get(entry, [])
    for target in own:
        further = [name for name in table.get(target, []) if name not in (*own, entry)]
        if further:
            text = f"{target} has fallbacks of its own, which are asked too: {listed(further)}"
            yield Advice("nested_fallbacks", place, text, "catalogue/fallback-down-too.yaml")


def _cycle(table: Mapping[str, Sequence[str]], entry: str) -> list[str] | None:
    """Return the first path from what callers ask for that comes back to one of its own groups, from its first name on."""

    def search(path: list[str]) -> list[str] | None:
        for target in table.get(path[-1], ()):
            if target in path:
                cycle = path[path.index(target) :]
                begin = cycle.index(min(cycle))
                return [*cycle[begin:], *cycle[: begin + 1]]
            if (found := search([*path, target])) is not None:
                return found
        return None

    return search([entry])


def _retry_policy(chain: Chain, config: Mapping[str, Any], by_failure: Mapping[str, Schedule]) -> Iterator[Advice]:
    """Yield that a policy for retries is none, or leaves failures out."""
    policy = section(config, _ROUTER).get("retry_policy")
    place = (_ROUTER, "retry_policy")
    if isinstance(policy, str):
        text = f"LiteLLM ignores a text such as {policy!r}; write {{RateLimitErrorRetries: 2}}"
        yield Advice("policy_is_text", place, text, _LIMIT)
    if not isinstance(policy, dict):
        return
    tries = {failure: schedule.hops[0].tries for failure, schedule in by_failure.items() if failure in _SERVED}
    most = max(tries.values(), default=1)
    left = {failure: count for failure, count in tries.items() if count != most and not _named(policy, failure)}
    same = [failure for failure, count in tries.items() if count == most]
    for count in sorted(set(left.values())):
        out = [failure for failure, each in left.items() if each == count]
        first = " | ".join(chain.levels[0])
        text = (
            f"it does not name {listed(out)}: {first} is then tried {plural(count, 'time')}, "
            f"after {listed(same)} {plural(most, 'time')}"
        )
        yield Advice("policy_leaves_out", place, text, _OUTAGE)
    yield from _unlike(chain, policy, tries)


_SERVED = {
    "500": "InternalServerErrorRetries",
    "503": "ServiceUnavailableErrorRetries",
    "429": "RateLimitErrorRetries",
    "timeout": "TimeoutErrorRetries",
}
"""Fields of a `RetryPolicy`, by the failure that they are for."""


def _named(policy: Mapping[str, Any], failure: str) -> bool:
    return policy.get(_SERVED[failure]) is not None or policy.get("DefaultRetries") is not None


def _unlike(chain: Chain, policy: Mapping[str, Any], tries: Mapping[str, int]) -> Iterator[Advice]:
    """Yield retries that a policy names and LiteLLM does not make."""
    for failure, field in _SERVED.items():
        stated = policy.get(field)
        if isinstance(stated, int) and failure in tries and tries[failure] != stated + 1:
            text = f"{field}: {stated} is written, and LiteLLM tries {chain.order[0]} {plural(tries[failure], 'time')}"
            yield Advice("policy_not_kept", (_ROUTER, "retry_policy", field), text, _OUTAGE)


def _cooldown(chain: Chain, config: Mapping[str, Any], rests: Mapping[str, Rest]) -> Iterator[Advice]:
    """Yield that a cooldown never begins although one is written, or that it lasts although 0 is."""
    module, router = section(config, _MODULE), section(config, _ROUTER)
    settings = {**module, **{name: value for name, value in router.items() if value is not None}}
    if router.get("cooldown_time") == 0 and not settings.get("disable_cooldowns"):
        text = f"0 counts as not set: LiteLLM leaves a deployment alone for {COOLDOWN_S} s; disable_cooldowns: true ends that"
        yield Advice("zero_cooldown", (_ROUTER, "cooldown_time"), text, "catalogue/rate-limit-no-hint.yaml")
    written = [
        name for name in _COOLDOWN if settings.get(name) or (name == "allowed_fails" and settings.get(name) == 0)
    ]
    never = [failure for failure, rest in rests.items() if rest.after is None]
    if not written or not never or settings.get("disable_cooldowns"):
        return
    allowed = settings.get("allowed_fails")
    if router.get("allowed_fails") is None and allowed is not None:
        why = "LiteLLM takes allowed_fails from router_settings"
    elif "allowed_fails" in module and allowed == module["allowed_fails"]:
        why = "allowed_fails is the same in litellm_settings, and counts as not set"
    elif allowed == _ALLOWED_FAILS_UNSET:
        why = "allowed_fails: 3 is LiteLLM's own default and counts as not set, write 2 or 4"
    elif any(isinstance(settings.get(name), str) for name in _COOLDOWN):
        why = "it takes no text for a number"
    elif allowed is None:
        why = "a group of one deployment needs allowed_fails"
    else:
        why = "the setting does not reach this deployment"
    where = _ROUTER if written[0] in router else _MODULE
    text = (
        f"{' | '.join(chain.levels[0])} never cools down: LiteLLM asked it again after {rests[never[0]].attempts} failed "
        f"attempts in a row with {listed(never)} ({why})"
    )
    yield Advice("never_rests", (where, written[0]), text, _OUTAGE)


_LOCKED_BY = {"429": "rate-limit-no-hint", "timeout": "silent-provider"}
"""The scenarios in which the only providers of a chain fail so; of every other failure `unavailable`."""


def _locked_out(chain: Chain, schedules: Sequence[Schedule]) -> Iterator[Advice]:
    """Yield that one failed request makes LiteLLM refuse those after it, where there is no fallback."""
    locked = [(failure, each) for each in schedules for failure in each.failures if each.locked_out_ns]
    if not locked or len(chain.levels) > 1:
        return
    failures = listed([failure for failure, _ in locked])
    first, schedule = locked[0]
    first = next((failure for failure, _ in locked if failure in _LOCKED_BY), first)
    asked = " → ".join(hop.name for hop in schedule.hops)
    text = (
        f"after one request that fails with {failures} at {asked}, LiteLLM refuses every request for "
        f"{amount(schedule.locked_out_ns, 'ns')} and asks no provider (No deployments available): all of them cool down; "
        "add a fallback, or write disable_cooldowns: true"
    )
    shown_by = _LOCKED_BY.get(first, "unavailable")
    yield Advice("locked_out", place_of(chain.litellm or {}, chain.entry_model), text, f"catalogue/{shown_by}.yaml")


_SECRET_NAME = re.compile(
    r"(?<!public)_key$|^key$|secret|passw(or)?d$|passphrase|token$|dsn$|webhook(_url)?$", re.IGNORECASE
)
"""Names of settings whose values are secrets, wherever in the file they are written."""
_PASSWORD = re.compile(r"://[^/\s:@]*:[^/\s@]+@")
"""An address with a password."""
_SECRET_MIN = 7
"""A shorter value is a placeholder."""
_OF_ONE = {
    "anthropic": r"sk-ant-",
    "openrouter": r"sk-or-",
    "groq": r"gsk_",
    "xai": r"xai-",
    "perplexity": r"pplx-",
    "gemini": r"AIza",
    "nvidia_nim": r"nvapi-",
    "cerebras": r"csk-",
    "fireworks_ai": r"fw_",
}
"""How the keys of a vendor begin, of those whose keys can be no other vendor's."""


def _keys(config: Mapping[str, Any]) -> Iterator[Advice]:
    """Yield keys that the file holds itself, and those of another vendor."""
    for place, value in _written(config, ()):
        name = str(place[-1])
        variable = name.upper() if place[0] == "general_settings" else "NAME"
        if _PASSWORD.search(value):
            what = "a password"
        elif _SECRET_NAME.search(name) and len(value) >= _SECRET_MIN:
            what = f"the key {shown_key(value)}" if name.lower().endswith("key") else "a secret"
        else:
            continue
        text = f"{what} is written in the file; {name}: os.environ/{variable} keeps it out"
        if place[0] == "environment_variables":
            text = f"{what} is written in the file; set {name} in the environment of the proxy instead"
        yield Advice("key_in_file", place, text, None)
    for number, raw in enumerate(config.get("model_list", ())):
        key = raw["litellm_params"].get("api_key")
        whose = next((vendor for vendor, begins in _OF_ONE.items() if re.match(begins, str(key))), None)
        asked = raw["litellm_params"]["model"].partition("/")[0]
        if whose is not None and asked in {*_OF_ONE, "openai", "azure", "mistral"} and asked != whose:
            text = f"the key {shown_key(key)} is one of {whose}'s, and {raw['model_name']} is at {asked}"
            yield Advice("key_of_another", ("model_list", number, "litellm_params", "api_key"), text, _DENIED)


def _written(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    """Yield each text with its place, but for references and the paths of files."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _written(item, (*place, key))
    elif isinstance(value, str) and place and re.match(r"os\.environ/|env/|\$\{|/", value) is None:
        yield place, value
