"""A `litellm-config.yaml` as it is: its deployments are the providers, its fallbacks the order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.chain.litellm_check import aliases, check, dialect_of, group_of, section, takes_chat
from harness.chain.spec import Chain, Retry
from harness.document.spelling import did_you_mean
from harness.provider.spec import Provider

if TYPE_CHECKING:
    from harness.document import Document

MAX_FALLBACKS = 5  # LiteLLM's own default

_ROLES = re.compile(r"primary|fallbacks|all|fallback-\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One chat deployment of a LiteLLM configuration.

    Attributes:
        name: The provider's name.
        group: Its `model_name`.
        dialect: Follows from the prefix of its model.
        model: What the provider is asked for.
        rank: Its `order` within the group; None where it has none.
        params: Its `litellm_params` as written.
        raw: The whole entry as written.
    """

    name: str
    group: str
    dialect: str
    model: str
    rank: int | None
    params: Mapping[str, Any]
    raw: Mapping[str, Any]


def chain(document: Document, *, model: str | None = None) -> Chain:
    """Return the chain that a LiteLLM configuration describes.

    Args:
        document: The configuration.
        model: What callers ask for; the first `model_name` if None.

    Raises:
        UsageError: Naming the line that is wrong or that the harness cannot host.
    """
    check(document)
    config = document.data
    listed = deployments(config)
    groups = list(dict.fromkeys(item.group for item in listed))
    entry = groups[0] if model is None else model
    if model is None and "*" in entry:
        place = ("model_list", 0, "model_name")
        hint = "name one model with `model:` in the scenario"
        raise document.error(f"callers cannot ask for {entry!r}", place, hint=hint)
    if group_of(entry, groups, aliases(config)) is None:
        known = [*groups, *aliases(config)]
        problem = f"no deployment is called {entry[:80]!r}"
        raise document.error(problem, ("model_list",), known=", ".join(known), hint=did_you_mean(entry, known))
    order, peers = _order(config, listed, entry)
    return Chain(
        name=document.path.stem[:100] or "litellm-config",
        driver="litellm-router",
        providers={item.name: Provider(dialect=item.dialect, model=item.model) for item in listed},
        order=order,
        peers=peers,
        retry=_retry(document),
        timeout=_timeout_ns(document),
        litellm=config,
        model=entry,
    )


def deployments(config: Mapping[str, Any]) -> tuple[Deployment, ...]:
    """Return the chat deployments of a checked configuration, in its order."""
    found = []
    names: set[str] = set()
    for raw in config["model_list"]:
        params = raw["litellm_params"]
        spoken = dialect_of(params) if takes_chat(raw) else None
        if spoken is None:
            continue
        name = _name(str((raw.get("model_info") or {}).get("id") or raw["model_name"]), names)
        names.add(name)
        found.append(
            Deployment(
                name=name,
                group=raw["model_name"],
                dialect=spoken[0],
                model=spoken[1],
                rank=params.get("order"),
                params=params,
                raw=raw,
            )
        )
    return tuple(found)


def fallback_sources(config: Mapping[str, Any]) -> list[str]:
    """Return the groups that have fallbacks of their own."""
    return list(_fallbacks(config))


def _fallbacks(config: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the fallbacks in force by group, `*` for every other; the Router's own settings win, as in LiteLLM."""
    router, module = section(config, "router_settings"), section(config, "litellm_settings")
    table: dict[str, list[str]] = {}
    for item in router.get("fallbacks") or module.get("fallbacks") or []:
        for source, targets in item.items():
            table.setdefault(source, [_target(target) for target in targets])
    default = router.get("default_fallbacks") or module.get("default_fallbacks")
    if default:
        table.setdefault("*", [_target(target) for target in default])
    return table


def _target(written: Any) -> str:
    return str(written["model"]) if isinstance(written, dict) else str(written)


def _order(
    config: Mapping[str, Any], listed: tuple[Deployment, ...], entry: str
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return the providers in the order in which LiteLLM walks them, and those among which it shuffles."""
    groups = list(dict.fromkeys(item.group for item in listed))
    table = _fallbacks(config)
    limit = section(config, "router_settings").get("max_fallbacks")
    depth_max = limit if isinstance(limit, int) else MAX_FALLBACKS
    attempted = {entry}
    walked: list[list[str]] = []

    def walk(asked: str, depth: int) -> None:
        group = group_of(asked, groups, aliases(config))
        walked.extend(_levels([item for item in listed if item.group == group]))
        if depth >= depth_max:
            return
        for target in table.get(asked, table.get("*", [])):
            if target not in attempted:
                attempted.add(target)
                depth += 1
                walk(target, depth)

    walk(entry, 0)
    order = tuple(dict.fromkeys(name for level in walked for name in level))
    return order, tuple(dict.fromkeys(tuple(level) for level in walked if len(level) > 1))


def _levels(group: list[Deployment]) -> list[list[str]]:
    """Return a group's deployments by rank. LiteLLM never tries an unranked one beside a ranked one."""
    ranks = sorted({item.rank for item in group if item.rank is not None})
    if not ranks:
        return [[item.name for item in group]] if group else []
    return [[item.name for item in group if item.rank == rank] for rank in ranks]


def _name(written: str, taken: set[str]) -> str:
    """Return a name of the allowed letters, its own, fixed by what is written and what comes before it."""
    base = re.sub(r"[^A-Za-z0-9_\-]+", "-", written).strip("-_")[:58] or "deployment"
    if _ROLES.fullmatch(base):
        base = f"model-{base}"[:58]
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name


def _retry(document: Document) -> Retry | None:
    router, module = section(document.data, "router_settings"), section(document.data, "litellm_settings")
    stated = router.get("num_retries", module.get("num_retries"))
    return None if stated is None else Retry(attempts=stated + 1)


def _timeout_ns(document: Document) -> int | None:
    router, module = section(document.data, "router_settings"), section(document.data, "litellm_settings")
    stated = module.get("request_timeout") or router.get("timeout")
    return None if not stated else round(stated * 10**9)
