"""The tables of fallbacks in a LiteLLM configuration, and the models that callers can ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.chain.litellm_check import aliases, group_of, section, takes
from harness.document.places import Place

TABLES = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
"""Settings that say what LiteLLM falls back to, by the kind of failure."""
SECTIONS = ("router_settings", "litellm_settings")
"""Where LiteLLM reads them; the first one that has a table counts."""


def asked_for(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return each model that takes chat completions and is not only a fallback, then those that embed texts, then the aliases.

    A wildcard such as `openai/*` is none: it has no end of models.
    """
    tables = [fallbacks(config), *(table(config, name) for name in TABLES[1:])]
    sources = {source for each in tables for source in each}
    targets = {target_of(target) for each in tables for written in each.values() for target in written}
    off = disabled(config)
    found: list[str] = []
    for kind in ("chat", "embeddings"):
        listed = (raw for raw in config["model_list"] if takes(raw) == kind and raw["model_name"] not in off)
        named = dict.fromkeys(raw["model_name"] for raw in listed)
        models = [name for name in named if "*" not in name and (name in sources or name not in targets)]
        found += models or list(named)[:1]
    return tuple(dict.fromkeys([*found, *aliases(config)]))


def disabled(config: Mapping[str, Any]) -> frozenset[str]:
    """Return each `model_name` all of whose deployments are blocked, which newer versions of LiteLLM then never ask."""
    usable = {raw["model_name"] for raw in config["model_list"] if not is_blocked(raw)}
    return frozenset(raw["model_name"] for raw in config["model_list"]) - usable


def is_blocked(raw: Mapping[str, Any]) -> bool:
    """Return whether a deployment is switched off."""
    return (raw.get("model_info") or {}).get("blocked") is True


def place_of(config: Mapping[str, Any], model: str) -> Place:
    """Return where the first deployment of a model is written."""
    groups = [raw["model_name"] for raw in config["model_list"]]
    group = group_of(model, groups, aliases(config))
    return ("model_list", groups.index(group)) if group in groups else ("model_list",)


def table(config: Mapping[str, Any], name: str) -> dict[str, list[Any]]:
    """Return a table of fallbacks by group; the Router's own settings win, as in LiteLLM."""
    router, module = section(config, "router_settings"), section(config, "litellm_settings")
    found: dict[str, list[Any]] = {}
    written = router.get(name) or module.get(name)
    for item in written if isinstance(written, list) else ():
        for source, targets in item.items():
            found.setdefault(source, targets)
    return found


def fallbacks(config: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the fallbacks in force by group, `*` for every other."""
    router, module = section(config, "router_settings"), section(config, "litellm_settings")
    found = {source: [target_of(each) for each in targets] for source, targets in table(config, "fallbacks").items()}
    default = router.get("default_fallbacks") or module.get("default_fallbacks")
    if default:
        found.setdefault("*", [target_of(each) for each in default])
    return found


def fallbacks_to(config: Mapping[str, Any], group: str, names: Sequence[str]) -> tuple[Place, Any]:
    """Return where a configuration has the fallbacks of a group, or is to have them, and what it is to say there.

    Args:
        config: Its data.
        group: The model group.
        names: What it is to fall back to, in order; each is spelt as it is now.
    """
    where = next((each for each in SECTIONS if section(config, each).get(TABLES[0])), SECTIONS[0])
    items = section(config, where).get(TABLES[0]) or []
    if not items:
        return (where, TABLES[0]), [{group: list(names)}]
    number = next((number for number, item in enumerate(items) if group in item), len(items))
    spelt = {target_of(each): each for item in items[number : number + 1] for each in item[group]}
    return (where, TABLES[0], number, group), [spelt.get(name, name) for name in names]


def target_of(written: Any) -> str:
    """Return the model that an item of a table names."""
    return str(written["model"]) if isinstance(written, dict) else str(written)
