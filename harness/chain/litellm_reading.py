"""What LiteLLM makes of a configuration: whose models its deployments are, and which of them a request can reach.

LiteLLM itself is asked where it is installed (`harness.drivers.litellm_asked`); where it is not, `guess` reads the
configuration as LiteLLM usually does. `applied` makes a chain of either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from harness.chain.litellm_check import Takes, aliases, group_of, provider_of, section, takes
from harness.chain.litellm_fallbacks import TABLES, fallbacks, is_blocked, table, target_of
from harness.chain.litellm_names import names
from harness.chain.schedule import Band, PlannedAttempt, Schedule, merged
from harness.chain.spec import PROVIDERS_MAX, Chain, ChainError
from harness.document.spelling import did_you_mean
from harness.provider.dialects import DIALECTS, Dialect
from harness.provider.spec import Provider
from harness.quantities import plural

MAX_FALLBACKS = 5  # LiteLLM's own default
COMPATIBLE = "openai-compatible"
NATIVE_UNTIL = {"cloudflare": "1.90"}
"""The last version of LiteLLM that asks a provider in its own format, where a newer one speaks OpenAI's."""
_TYPO = 0.85
"""How much alike a setting and a known one must be, of 1, if it is taken for a slip of the pen."""
_RETRIES = ("num_retries", "retry_policy", "model_group_retry_policy", "retry_after")
"""Settings of the Router that say how often and when a deployment is tried again."""
_COOLDOWN = ("allowed_fails", "allowed_fails_policy", "cooldown_time", "disable_cooldowns")
"""Settings of the Router that say when a deployment is left alone."""
_OWN = ("num_retries", "order")
"""The same of a single deployment."""


class ReadDeployment(NamedTuple):
    """One entry of a `model_list`.

    Attributes:
        provider: LiteLLM's name of the provider; None if LiteLLM does not know it.
        model: What the provider is asked for.
        takes: What it can be asked for; None if that is neither chat completions nor embeddings.
        compatible: Whether LiteLLM asks it in OpenAI's format. It matters only where the provider has no dialect of its own.
    """

    provider: str | None
    model: str
    takes: Takes | None
    compatible: bool


class ConfigReading(NamedTuple):
    """What LiteLLM makes of a configuration, given what callers ask for.

    Attributes:
        version: Of the LiteLLM that was asked; None if none was.
        deployments: Each entry of `model_list`, in its order.
        walk: The places in `model_list` that are chosen from, one set after the other, if every attempt fails.
        others: Further places that a request can reach: fallbacks after a context window or a content policy.
        ignored: Settings that it ignores, by section and key, each with what to do.
    """

    version: str | None
    deployments: tuple[ReadDeployment, ...]
    walk: tuple[tuple[int, ...], ...]
    others: frozenset[int]
    ignored: Mapping[tuple[str, str], str]


def question(config: Mapping[str, Any], entries: Sequence[str], *, failing: bool) -> dict[str, Any]:
    """Return what LiteLLM is asked about a configuration: plain data without secrets.

    Args:
        config: The configuration.
        entries: What callers ask for.
        failing: It is asked for what a request does that fails everywhere; else whose its deployments are, and which of them a
            request can reach.
    """
    router, module = section(config, "router_settings"), section(config, "litellm_settings")

    def stated(keys: Sequence[str], written: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name in keys if (value := written.get(name)) is not None}

    settings: dict[str, Any] = {}
    for name in (*TABLES, "default_fallbacks", "max_fallbacks"):
        if (value := router.get(name) or module.get(name)) and value is not True:
            settings[name] = value
    if named := aliases(config):
        settings["model_group_alias"] = named
    return {
        "entries": list(entries),
        "failing": failing,
        "model_list": [
            {
                "model_name": raw["model_name"],
                "model": raw["litellm_params"]["model"],
                "custom_llm_provider": raw["litellm_params"].get("custom_llm_provider"),
                "blocked": is_blocked(raw),
                "mode": (raw.get("model_info") or {}).get("mode"),
                "embeds": takes(raw) == "embeddings",
                "params": {name: value for name in _OWN if (value := raw["litellm_params"].get(name)) is not None},
            }
            for raw in config["model_list"]
        ],
        "router": settings,
        "retries": stated(_RETRIES, {**module, **router}) if failing else {},
        "cooldown": stated(_COOLDOWN, router) if failing else {},
        "module": stated(("allowed_fails",), module) if failing else {},
        "own": sorted(
            provider
            for dialect in DIALECTS.own.values()
            if dialect.litellm is not None
            for provider in dialect.litellm.providers
        ),
    }


def answered(chain: Chain, answer: Mapping[str, Any], version: str) -> ConfigReading:
    """Return LiteLLM's answer to a question. A bare name that it does not list is the vendor's whose names are like it."""
    config = chain.litellm or {}
    deployments = tuple(
        ReadDeployment(
            provider=each["provider"] or provider_of(raw["litellm_params"])[0],
            model=each["model"],
            takes=takes(raw, mode=each["mode"]),
            compatible=each["compatible"],
        )
        for each, raw in zip(answer["deployments"], config["model_list"], strict=True)
    )
    walk, *further = answer["walks"][chain.entry_model]
    return ConfigReading(
        version=version,
        deployments=deployments,
        walk=tuple(tuple(pick) for pick in walk),
        others=frozenset(place for each in further for pick in each for place in pick),
        ignored=dict(_ignored(config, answer["router"], answer["module"])),
    )


def _ignored(
    config: Mapping[str, Any], router: Sequence[str], module: Sequence[str]
) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield the settings that LiteLLM ignores where they are written, each with what to do.

    Args:
        config: The configuration.
        router: What `router_settings` can hold.
        module: Names that the module has; LiteLLM's proxy reads some of `litellm_settings` that are none of them.
    """
    for name, own, other, theirs in (
        ("router_settings", router, "litellm_settings", module),
        ("litellm_settings", module, "router_settings", router),
    ):
        for key in section(config, name):
            if key in own:
                continue
            if key in theirs:
                yield (name, key), f"LiteLLM does not read it here; it belongs in {other}"
            elif hint := did_you_mean(key, own, alike=_TYPO):
                yield (name, key), f"unknown to LiteLLM; {hint}"
            elif name == "router_settings":
                yield (name, key), "unknown to LiteLLM"


def schedules(
    by_failure: Mapping[str, Mapping[str, Any] | None],
    named: Sequence[str | None],
    *,
    timeouts_ns: Mapping[str, int],
    cooldown_ns: Mapping[str, int],
) -> tuple[Schedule, ...]:
    """Return what a request does that meets the same failure at every deployment.

    Args:
        by_failure: LiteLLM's answer; see `_schedule` in `harness.drivers.litellm_reader`.
        named: The provider of each place; None for one that is no part of the test.
        timeouts_ns: How long an attempt may take, by provider, in nanoseconds.
        cooldown_ns: How long a provider is left alone once it cools down, by provider, in nanoseconds.
    """
    found = {}
    locked_out_ns = {}
    for failure, written in by_failure.items():
        attempts, end = (written["attempts"], written["end"]) if written is not None else ([], (0.0, 0.0))
        steps = tuple(
            PlannedAttempt(providers, _band(least, most), max(timeouts_ns[name] for name in providers))
            for places, least, most in attempts
            if (providers := tuple(name for place in places if (name := named[place]) is not None))
        )
        asked = [name for step in steps for name in step.providers]
        if asked and written is not None and written["locked_out"] and failure != "401":  # a wrong key stays wrong
            locked_out_ns[failure] = min(cooldown_ns[name] for name in asked)
        found[failure] = steps, _band(*end)
    return merged(found, locked_out_ns)


def _band(*ends_s: float) -> Band:
    """Return a wait, given what the least and the most draw make of it: either may be the longer one."""
    return Band(round(min(ends_s) * 10**9), round(max(ends_s) * 10**9))


def guess(chain: Chain) -> ConfigReading:
    """Return what LiteLLM usually makes of a configuration. A provider without a dialect is taken for a compatible one."""
    config = chain.litellm or {}
    listed = config["model_list"]
    deployments = []
    for raw in listed:
        provider, model = provider_of(raw["litellm_params"])
        deployments.append(ReadDeployment(provider, model, takes(raw), compatible=True))
    walk = list(_walked(config, chain.entry_model, fallbacks(config)))
    others: set[int] = set()
    for kind in TABLES[1:]:
        further = [target_of(target) for targets in table(config, kind).values() for target in targets]
        others |= {place for name in further for pick in _walked(config, name, {}) for place in pick}
    return ConfigReading(
        version=None, deployments=tuple(deployments), walk=tuple(walk), others=frozenset(others), ignored={}
    )


def _walked(config: Mapping[str, Any], entry: str, table: Mapping[str, Sequence[str]]) -> Iterator[tuple[int, ...]]:
    """Yield the places in `model_list` that LiteLLM chooses from, one set after the other."""
    listed = config["model_list"]
    groups = list(dict.fromkeys(raw["model_name"] for raw in listed))
    limit = section(config, "router_settings").get("max_fallbacks")
    depth_max = limit if isinstance(limit, int) else MAX_FALLBACKS
    attempted = {entry}

    def walk(asked: str, depth: int) -> Iterator[tuple[int, ...]]:
        group = group_of(asked, groups, aliases(config))
        yield tuple(place for place, raw in enumerate(listed) if raw["model_name"] == group)
        if depth >= depth_max:
            return
        for target in table.get(asked, table.get("*", [])):
            if target not in attempted:
                attempted.add(target)
                depth += 1
                yield from walk(target, depth)

    return walk(entry, 0)


def applied(chain: Chain, reading: ConfigReading) -> Chain:
    """Return the chain of a configuration, with the providers that callers of the run can reach.

    They take what the model's own deployments take: chat completions, or embeddings where none of them does.

    Raises:
        ChainError: One that the walk needs has no mock, or there are none, or too many.
    """
    config = chain.litellm or {}
    listed, named = config["model_list"], names(config)
    walked = {place for pick in reading.walk for place in pick}
    reached = walked | reading.others
    asked = _asked_of(reading)
    able = [place for place in sorted(reached) if reading.deployments[place].takes == asked]
    dialects = {
        name: dialect_of_litellm(name) for name in {reading.deployments[place].provider for place in able} if name
    }
    found = {place: _provider(reading.deployments[place], dialects) for place in able}
    spoken = {place: provider for place, provider in found.items() if provider is not None}
    if lacking := [place for place in able if place in walked and place not in spoken]:
        raise _without_mock([reading.deployments[place] for place in lacking])
    walk = [level for pick in reading.walk for level in _levels(listed, [place for place in pick if place in spoken])]
    order = tuple(dict.fromkeys(named[place] for level in walk for place in level))
    if not order:
        raise ChainError(f"{chain.entry_model!r} takes neither chat completions nor embeddings", ("model_list",))
    if len(spoken) > PROVIDERS_MAX:
        problem = f"{chain.entry_model!r} leads to {len(spoken)} deployments"
        raise ChainError(problem, ("model_list",), known=f"1 to {PROVIDERS_MAX}")
    left_out = {
        unreached(chain.entry_model): [place for place in range(len(listed)) if place not in reached],
        _UNABLE[asked]: [place for place in reached if reading.deployments[place].takes != asked],
        "have no mock": [place for place in able if place not in spoken],
    }
    return replace(
        chain,
        providers={named[place]: provider for place, provider in spoken.items()},
        order=order,
        peers=tuple(dict.fromkeys(tuple(named[place] for place in level) for level in walk if len(level) > 1)),
        left_out={why: tuple(named[place] for place in sorted(places)) for why, places in left_out.items() if places},
        read_by=reading.version,
        litellm=_without(config, reading.ignored),
        notes=tuple(
            dict.fromkeys(
                (
                    *chain.notes,
                    *(f"{name}.{key}: {what}" for (name, key), what in reading.ignored.items()),
                    *_lost(config, chain.entry_model, reading),
                )
            )
        ),
    )


_UNABLE: Mapping[Takes, str] = {"chat": "take no chat completions", "embeddings": "embed no texts"}


def _asked_of(reading: ConfigReading) -> Takes:
    """Return what callers ask the model for: of its own deployments, which come first."""
    first = [reading.deployments[place].takes for place in next(iter(reading.walk), ())]
    return "embeddings" if "chat" not in first and "embeddings" in first else "chat"


def unreached(entry: str) -> str:
    """Return why a deployment is left out that no caller of a model reaches."""
    return f"no caller of {entry!r} reaches"


def _lost(config: Mapping[str, Any], entry: str, reading: ConfigReading) -> Iterator[str]:
    """Yield that an alias has lost the fallbacks of its group."""
    group = aliases(config).get(entry)
    if group in table(config, "fallbacks") and len(reading.walk) == 1:
        yield f"model_group_alias.{entry}: has no fallbacks; LiteLLM looks them up by the alias, not by {group!r}"


def _without(config: Mapping[str, Any], ignored: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """Return a configuration without the settings that LiteLLM ignores."""
    kept = dict(config)
    for name, key in ignored:
        kept[name] = {other: value for other, value in kept[name].items() if other != key}
    return kept


def _provider(read: ReadDeployment, dialects: Mapping[str, Dialect | None]) -> Provider | None:
    """Return the provider of a deployment, given the dialects by LiteLLM's names; None if it has no mock."""
    dialect = None if read.provider is None else dialects[read.provider]
    embeds = None if "*" in read.model else read.takes == "embeddings"
    if dialect is not None and dialect.litellm is not None:
        found = Provider(dialect=dialect.name, model=dialect.litellm.model(read.model), embeds=embeds)
        return None if embeds and dialect.embed is None else found
    if read.provider is None or not read.compatible:
        return None
    return Provider(dialect=COMPATIBLE, vendor=read.provider, model=read.model, embeds=embeds)


def dialect_of_litellm(provider: str) -> Dialect | None:
    """Return the dialect of a provider, given LiteLLM's name for it; one of another package must be called so too."""
    for dialect in DIALECTS.own.values():
        if dialect.litellm is not None and provider in dialect.litellm.providers:
            return dialect
    return DIALECTS[provider] if provider in DIALECTS.foreign else None


def _without_mock(lacking: Sequence[ReadDeployment]) -> ChainError:
    """Return one error for all deployments that the walk needs and that no mock can stand for."""
    counts: dict[str, int] = {}
    for read in lacking:
        who = read.provider or f"{read.model} (LiteLLM does not know its provider)"
        counts[who] = counts.get(who, 0) + 1
    named = ", ".join(f"{who} ({plural(count, 'deployment')})" if count > 1 else who for who, count in counts.items())
    native = [who for who in counts if who in NATIVE_UNTIL]
    newer = "; ".join(
        f"up to {NATIVE_UNTIL[who]}, LiteLLM asks {who} in its own format: test a newer one (--litellm)"
        for who in native
    )
    return ChainError(
        f"there is no mock for {named}",
        ("model_list",),
        known=", ".join(known_providers()) + ", and every provider that speaks OpenAI's format",
        hint=newer or "ask for another model (--model), or write openai/… in a copy of the file for what is compatible",
    )


def known_providers() -> list[str]:
    """Return LiteLLM's names of the providers that can be mocked."""
    return [dialect.litellm.providers[0] for dialect in DIALECTS.own.values() if dialect.litellm is not None]


def _levels(listed: Sequence[Mapping[str, Any]], places: Sequence[int]) -> list[list[int]]:
    """Return a group's deployments by rank. LiteLLM never tries an unranked one beside a ranked one."""
    ranked = {place: listed[place]["litellm_params"].get("order") for place in places}
    ranks = sorted({rank for rank in ranked.values() if rank is not None})
    if not ranks:
        return [list(places)] if places else []
    return [[place for place in places if ranked[place] == rank] for rank in ranks]
