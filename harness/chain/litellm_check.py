"""Checks that the harness can host a `litellm-config.yaml`. Every error names its line, and never a secret."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from harness.document.places import Place
from harness.document.spelling import did_you_mean
from harness.errors import HarnessError, raise_errors, tried
from harness.provider.dialects import DIALECTS
from harness.provider.spec import NAME_MAX

if TYPE_CHECKING:
    from harness.document import Document

_SHOWN_MAX = 80
_SECTIONS = ("router_settings", "litellm_settings", "environment_variables")
_FALLBACKS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
_ELSEWHERE = re.compile(r"gemini|palm|command|mistral|llama|titan|jamba|deepseek|grok|qwen|cohere", re.IGNORECASE)
_EMBEDDING = re.compile(r".*embed|bge-|gte-|e5-|voyage-", re.IGNORECASE)
_NEITHER = re.compile(r"whisper|tts-|dall-e|gpt-image|omni-moderation|text-moderation|.*rerank", re.IGNORECASE)
STRATEGIES = (
    "simple-shuffle",
    "lar1",
    "least-busy",
    "latency-based-routing",
    "cost-based-routing",
    "usage-based-routing-v2",
    "usage-based-routing",
    "provider-budget-routing",
)
"""What LiteLLM takes as `routing_strategy`."""
OF_GROUPS = "priority"
"""What it takes in `routing_groups` besides."""
_WEEK_S = 7 * 24 * 3600


Takes = Literal["chat", "embeddings"]
"""What is asked of a deployment: chat completions, or embeddings."""


class _Number(NamedTuple):
    """A setting that is a number.

    Attributes:
        field: Its name.
        whole: It is a whole number.
        most: The largest.
    """

    field: str
    whole: bool
    most: int


_NUMBERS = (
    _Number("num_retries", whole=True, most=99),
    _Number("max_fallbacks", whole=True, most=1000),
    _Number("timeout", whole=False, most=_WEEK_S),
    _Number("request_timeout", whole=False, most=_WEEK_S),
    _Number("stream_timeout", whole=False, most=_WEEK_S),
)


def check(document: Document) -> None:
    """Raise a UsageError that names every place that is wrong."""
    mistakes: list[HarnessError] = [
        document.error(f"expected settings by name, found {_kind(document.data[name])}", (name,))
        for name in _SECTIONS
        if not isinstance(document.data.get(name) or {}, dict)
    ]
    mistakes += _deployment_errors(document)
    if not mistakes:  # the others rely on every deployment having a name and a model
        for unit in _units(document):
            tried(mistakes, unit)
    raise_errors(mistakes)


def _units(document: Document) -> Iterator[Callable[[], None]]:
    """Yield checks, each of which finds at most one mistake."""
    settings = ("router_settings", "litellm_settings")
    yield from (partial(_check_number, document, name, number) for name in settings for number in _NUMBERS)
    yield partial(_check_aliases, document)
    yield partial(_check_routing, document)
    for name in settings:
        for field in _FALLBACKS:
            yield from _fallback_units(document, (name, field))
        targets = section(document.data, name).get("default_fallbacks")
        yield partial(_check_targets, document, (name, "default_fallbacks"), targets)


def section(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a section of the configuration; empty where it is not written."""
    found = config.get(name)
    return found if isinstance(found, dict) else {}


def aliases(config: Mapping[str, Any]) -> dict[str, str]:
    """Return what `model_group_alias` calls the groups: alias to group."""
    written = section(section(config, "router_settings"), "model_group_alias")
    named = {alias: item.get("model") if isinstance(item, dict) else item for alias, item in written.items()}
    return {alias: group for alias, group in named.items() if isinstance(group, str)}


def group_of(asked: str, groups: list[str], named: Mapping[str, str]) -> str | None:
    """Return the group that a model's name leads to, or None.

    Args:
        asked: The name, an alias, or what a wildcard group such as `openai/*` takes.
        groups: Every `model_name`.
        named: From `aliases`.
    """
    asked = named.get(asked, asked)
    if asked in groups:
        return asked
    patterns = (group for group in groups if "*" in group)
    return next((p for p in patterns if re.fullmatch(re.escape(p).replace(r"\*", ".*"), asked)), None)


def takes(raw: Mapping[str, Any], *, mode: str | None = None) -> Takes | None:
    """Return what a deployment can be asked for, None for neither: by its `mode`, else by LiteLLM's, else by its model's name.

    LiteLLM calls every model of Ollama's a chat, so a name of a model that embeds texts counts for more than that.
    """
    own = (raw.get("model_info") or {}).get("mode")
    name = raw["litellm_params"]["model"].rsplit("/", 1)[-1]
    if own is None and mode in (None, "chat"):
        named: Takes = "embeddings" if _EMBEDDING.match(name) else "chat"
        return None if mode is None and _NEITHER.match(name) else named
    mode = own or mode
    return "chat" if mode in ("chat", "completion", "responses") else "embeddings" if mode == "embedding" else None


def provider_of(params: Mapping[str, Any]) -> tuple[str | None, str]:
    """Return LiteLLM's name of a deployment's provider, None for an unknown model, and what the provider is asked for."""
    head, slash, rest = params["model"].partition("/")
    provider = params.get("custom_llm_provider")
    if provider is None:
        return (head, rest) if slash and rest else (_provider_of_bare_name(head), head)
    return (provider, rest if slash else head) if provider == head or not slash else (provider, params["model"])


def _provider_of_bare_name(model: str) -> str | None:
    named = [dialect.litellm for dialect in DIALECTS.own.values() if dialect.litellm is not None]
    for names in named:
        if names.families is not None and re.match(names.families, model):
            return names.provider
    if _ELSEWHERE.match(model):
        return None
    return next((names.provider for names in named if names.takes_unknown), None)


def _deployment_errors(document: Document) -> list[HarnessError]:
    listed = document.data.get("model_list")
    if listed is None:
        problem = "this looks like a LiteLLM configuration without `model_list`"
        hint = "are its models in the proxy's database? Write those of the chain into a copy of the file"
        return [document.error(problem, hint=hint)]
    if not isinstance(listed, list) or not listed:
        problem = "expected a list of deployments" if listed else "the list of deployments is empty"
        hint = "write - {model_name: gpt-4, litellm_params: {model: openai/gpt-4}}"
        return [document.error(problem, ("model_list",), hint=hint)]
    mistakes: list[HarnessError] = []
    for number, raw in enumerate(listed):
        tried(mistakes, partial(_check_deployment, document, ("model_list", number), raw))
    return mistakes


def _check_deployment(document: Document, place: Place, raw: Any) -> None:
    if not isinstance(raw, dict):
        hint = "write {model_name: gpt-4, litellm_params: {model: openai/gpt-4}}"
        raise document.error("expected a mapping with model_name and litellm_params", place, hint=hint)
    _text(document, (*place, "model_name"), raw.get("model_name"), missing="it is what callers ask for")
    params = raw.get("litellm_params")
    if not isinstance(params, dict):
        hint = "write litellm_params: {model: openai/gpt-4}"
        problem = "missing" if params is None else "expected a mapping with a model"
        raise document.error(problem, (*place, "litellm_params"), hint=hint)
    _text(document, (*place, "litellm_params", "model"), params.get("model"))
    if params.get("custom_llm_provider") is not None:
        _text(document, (*place, "litellm_params", "custom_llm_provider"), params["custom_llm_provider"])
    if params.get("order") is not None:
        _number(document, (*place, "litellm_params", "order"), params["order"], whole=True, most=10**6)
    info = raw.get("model_info")
    if info is not None and not isinstance(info, dict):
        raise document.error("expected a mapping", (*place, "model_info"))
    if isinstance((info or {}).get("id"), dict | list) or isinstance((info or {}).get("mode"), dict | list):
        raise document.error("expected a name", (*place, "model_info"))


def _check_number(document: Document, name: str, number: _Number) -> None:
    value = section(document.data, name).get(number.field)
    if value is not None:
        _number(document, (name, number.field), value, whole=number.whole, most=number.most)


def _check_routing(document: Document) -> None:
    """Refuse a routing strategy that LiteLLM would refuse when it starts."""
    settings = section(document.data, "router_settings")
    _strategy(document, ("router_settings", "routing_strategy"), settings.get("routing_strategy"), STRATEGIES)
    groups = settings.get("routing_groups")
    for number, group in enumerate(groups if isinstance(groups, list) else ()):
        place = ("router_settings", "routing_groups", number, "routing_strategy")
        if isinstance(group, dict):
            _strategy(document, place, group.get("routing_strategy"), (*STRATEGIES, OF_GROUPS))


def _strategy(document: Document, place: Place, value: Any, known: tuple[str, ...]) -> None:
    if value is None or (isinstance(value, str) and value.startswith("os.environ/")) or value in known:
        return
    problem = f"LiteLLM has no routing strategy {str(value)[:80]!r}"
    hint = did_you_mean(str(value), known)
    if value == OF_GROUPS:
        problem = f"LiteLLM takes {OF_GROUPS!r} as the strategy of a group alone"
        hint = "an entry of `routing_groups` takes it, with `model_priorities`"
    raise document.error(problem, place, known=", ".join(known), hint=hint)


def _check_aliases(document: Document) -> None:
    place = ("router_settings", "model_group_alias")
    written = section(document.data, place[0]).get(place[1])
    if written is not None and not isinstance(written, dict):
        raise document.error(_expected("a mapping of aliases", written), place, hint='write {"alias": "model_name"}')
    for alias in written or {}:
        target = aliases(document.data).get(alias)
        if target is None:
            raise document.error(_expected("a model_name", (written or {})[alias]), (*place, alias))
        _known(document, (*place, alias), target)


def _fallback_units(document: Document, place: Place) -> Iterator[Callable[[], None]]:
    written = section(document.data, str(place[0])).get(str(place[1]))
    if not isinstance(written, list):
        yield partial(_check_list, document, place, written)
        return
    for number, item in enumerate(written):
        yield partial(_check_fallback, document, (*place, number), item)


def _check_list(document: Document, place: Place, written: Any) -> None:
    if written is None or (written is True and place[-1] != "fallbacks"):  # with true it starts; see the advice
        return
    items = [{source: _names(targets)} for source, targets in written.items()] if isinstance(written, dict) else []
    right = items if all(all(item.values()) for item in items) else []
    hint = f"write {_shown(right or [{'gpt-4': ['claude']}])}"
    raise document.error(_expected("a list with a mapping for each model", written), place, hint=hint)


def _check_fallback(document: Document, place: Place, item: Any) -> None:
    if not isinstance(item, dict) or len(item) != 1:
        words = list(item) if isinstance(item, dict | list) else [item]
        source, *targets = [word for word in words if isinstance(word, str)] or ["gpt-4"]
        right: Any = {source: targets or ["another-model"]}
        if isinstance(item, dict) and item:
            right = [{source: _names(targets) or ["another-model"]} for source, targets in item.items()]
        items = "one item for each model" if isinstance(right, list) else "the item"
        hint = f"write {items}: {_shown(right).strip('[]') if isinstance(right, list) else _shown(right)}"
        raise document.error(_expected("one model and its fallbacks", item), place, hint=hint)
    ((source, targets),) = item.items()
    _check_targets(document, (*place, source), targets, required=True)


def _check_targets(document: Document, place: Place, targets: Any, *, required: bool = False) -> None:
    if targets is None and not required:
        return
    if not isinstance(targets, list):
        hint = f"write {_shown(_names(targets) or ['another-model'])}"
        raise document.error(_expected("a list of models", targets), place, hint=hint)
    for number, target in enumerate(targets):
        name = target.get("model") if isinstance(target, dict) else target
        if not isinstance(name, str):
            raise document.error(_expected("a model's name", target), (*place, number))
        _known(document, (*place, number), name)


def _kind(found: Any) -> str:
    """Return what something is that may hold a secret."""
    return "a list" if isinstance(found, list) else "a text" if isinstance(found, str) else "a number"


def _names(written: Any) -> list[str]:
    """Return the names of models in what is perhaps no list."""
    return [each for each in (written if isinstance(written, list) else [written]) if isinstance(each, str)]


def _expected(what: str, found: Any) -> str:
    return f"expected {what}, found {'nothing' if found is None else _shown(found)}"


def _shown(value: Any) -> str:
    """Return a value as it can be written in YAML, not more than fits in a line."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 1]}…"


def _known(document: Document, place: Place, name: str) -> None:
    groups = [raw["model_name"] for raw in document.data["model_list"]]
    named = aliases(document.data)
    if group_of(name, groups, named) is None:
        known = list(dict.fromkeys([*groups, *named]))
        problem = f"no model_name is {name[:80]!r}"
        raise document.error(problem, place, known=", ".join(known)[:500], hint=did_you_mean(name, known))


def _text(document: Document, place: Place, value: Any, *, missing: str | None = None) -> str:
    if value is None:
        raise document.error("missing", place, hint=missing)
    if not isinstance(value, str) or not 0 < len(value) <= NAME_MAX:
        kind = "a list or a mapping" if isinstance(value, dict | list) else _shown(value)
        hint = f'write "{value}"' if isinstance(value, int | float) else None
        raise document.error(f"expected a name of 1 to {NAME_MAX} characters, found {kind}", place, hint=hint)
    return value


def _number(document: Document, place: Place, value: Any, *, whole: bool, most: int) -> None:
    kind = int if whole else int | float
    if isinstance(value, bool) or not isinstance(value, kind) or not 0 <= value <= most:
        digits = re.fullmatch(r"(\d+)(\.\d+)? *(s|sec|seconds)?", value) if isinstance(value, str) else None
        hint = f"write {place[-1]}: {digits[1]}{'' if whole else digits[2] or ''}" if digits else None
        expected = f"a {'whole ' if whole else ''}number{'' if whole else ' of seconds'} from 0 to {most}"
        raise document.error(_expected(expected, value), place, hint=hint)
