"""What is left out of LiteLLM's work in virtual time changes nothing, whatever model is asked and however."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from harness import sim
from harness.drivers.in_process import prepare
from harness.drivers.litellm_router import fast
from harness.drivers.litellm_router.router import _quiet_litellm
from harness.drivers.server import InProcessChain
from harness.edge.request import EdgeRequest
from harness.experiment.prepare import Loaded, load
from harness.provider.marker import find_request
from harness.sim import engine
from harness.sim.network import Answering, Network
from tests.plans import chain
from tests.sim.worlds import digest


class Ran(NamedTuple):
    """What came of asking.

    Attributes:
        history: Its digest.
        sent: What the edge received: provider, method, path, headers and body of each attempt.
    """

    history: str
    sent: list[tuple[str, str, str, tuple[tuple[str, str], ...], bytes]]


TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
WAYS: tuple[Mapping[str, Any], ...] = (
    {},
    {"tools": [TOOL], "tool_choice": "auto"},
    {"tools": [TOOL], "parallel_tool_calls": False, "reasoning_effort": "low"},
    {"reasoning_effort": "low", "max_completion_tokens": 64},
    {"response_format": {"type": "json_object"}, "temperature": 0.5, "stop": ["\n\n"], "seed": 7, "user": "u"},
)
"""How each model is asked; half of the requests stream."""
SCENARIO = """\
name: families
load: {{rate: 50/s, arrivals: constant, streaming: 50%, deadline: 20s}}
phases: {{fault: {length_s}s}}
faults:
  - {{on: all, during: fault, inject: {{status: 503}}, share: 20%}}
  - {{on: all, during: fault, inject: {{status: 429, retry_after: 1s}}, share: 15%}}
  - {{on: all, during: fault, inject: {{connection: reset}}, share: 10%}}
  - {{on: all, during: fault, inject: {{stream: malformed}}, share: 15%}}
  - {{on: all, during: fault, inject: {{status: 400, error: context_length}}, share: 5%}}
expect: []
"""


VENDORS = (
    "openai",
    "azure",
    "anthropic",
    "gemini",
    "openrouter",
    "deepseek",
    "groq",
    "mistral",
    "cerebras",
    "xai",
    "cohere_chat",
    "ollama_chat",
)
"""LiteLLM's names of the providers whose models are asked."""


def families() -> list[tuple[str, str]]:
    """Return a model of each family as dialect and name, by what LiteLLM itself makes of its list of models.

    A family is what it treats alike: the provider, the class that writes the provider's requests, the parameters that it
    takes, and the API. Beside them, a model of each dialect that it has never heard of.
    """
    prepare(chain(driver="litellm-router"))
    litellm = _quiet_litellm()
    from litellm.utils import ProviderConfigManager  # noqa: PLC0415 - slow

    found: dict[object, tuple[str, str]] = {}
    for name, facts in litellm.model_cost.items():
        dialect, api = facts.get("litellm_provider"), facts.get("mode")
        if dialect not in VENDORS or api not in ("chat", "responses"):
            continue
        bare = name.removeprefix(f"{dialect}/")
        writer = type(ProviderConfigManager.get_provider_chat_config(bare, litellm.LlmProviders(dialect)))
        takes = frozenset(litellm.get_supported_openai_params(bare, custom_llm_provider=dialect) or ())
        found.setdefault((dialect, api, writer, takes), (dialect, bare))
    return [*found.values(), *((dialect, "never-heard-of") for dialect in VENDORS)]


def asking(folder: Path, models: Sequence[tuple[str, str]]) -> Loaded:
    """Return a chain with a deployment of each model, and one request for each way to ask each of them."""
    deployments = [
        {
            "model_name": f"m{place}",
            "litellm_params": {"model": f"{dialect}/{name}", "api_key": "sk-1", "api_base": "https://x.example"},
            "model_info": {"id": f"p{place}"},
        }
        for place, (dialect, name) in enumerate(models)
    ]
    first, *others = (entry["model_name"] for entry in deployments)
    chain = {
        "model_list": deployments,
        "litellm_settings": {"drop_params": True},
        "router_settings": {
            "num_retries": 1,
            "disable_cooldowns": True,
            "max_fallbacks": len(others),
            "content_policy_fallbacks": [{first: others}],  # which no fault leads to: all of them can be asked
        },
    }
    (folder / "litellm-config.yaml").write_text(json.dumps(chain))
    path = folder / "families.yaml"
    path.write_text(SCENARIO.format(length_s=len(deployments) * len(WAYS) / 50))
    return load(path, chain=folder / "litellm-config.yaml", seed=1)


def test_the_families_are_those_of_the_installed_litellm() -> None:
    """Reasoning models, chat models and those of other APIs, of each vendor."""
    names = {name for _, name in families()}
    assert len(names) > 30
    assert {name[:5] for name in names} >= {"gpt-3", "gpt-5", "o1", "claud", "gemin", "deeps", "never"}
    assert {vendor for vendor, _ in families()} == set(VENDORS)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """A chain with a model of each family."""
    return asking(tmp_path_factory.mktemp("families"), families())


def ran(loaded: Loaded, stubs: Mapping[Any, Any]) -> Ran:
    """Ask every model in every way."""
    sent: list[Any] = []
    enter, take = engine.enter, Network.take

    @asynccontextmanager
    async def varied(*args: Any) -> AsyncIterator[InProcessChain]:
        async with enter(*args) as inside:
            yield replace(inside, ask=lambda api, body: inside.ask(api, {**body, **asked(body)}))

    def asked(body: dict[str, Any]) -> dict[str, Any]:
        marker = find_request(json.dumps(body).encode())
        assert marker is not None
        model, way = divmod(int(marker.request_id.rpartition("-")[2]) - 1, len(WAYS))
        return deepcopy({**WAYS[way], "model": f"m{model}"})  # LiteLLM changes what it is given

    def noted(self: Network, provider: str, request: EdgeRequest) -> Answering:
        headers = tuple(sorted(request.headers.items()))
        sent.append((provider, request.method, request.path, headers, request.body))
        return take(self, provider, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "enter", varied)
        patch.setattr(Network, "take", noted)
        patch.setattr(fast, "STUBS", stubs)
        return Ran(digest(sim.run(loaded.plan, loaded.chain).history), sent)


def test_no_stub_changes_histories_or_bytes(everything: Loaded) -> None:
    """For every family of models, plain and streamed, with tools and with reasoning, answered and failing."""
    whole, quick = ran(everything, {}), ran(everything, fast.STUBS)
    guilty = (
        []
        if quick == whole
        else [place for place, stub in fast.STUBS.items() if ran(everything, {place: stub}) != whole]
    )
    assert quick == whole, f"not neutral: {guilty}"
    asked = {provider for provider, *_ in whole.sent}
    assert asked == set(everything.chain.providers)
    assert len(whole.sent) > 0.9 * len(everything.plan.arrivals)
    assert any(b'"tools"' in body for *_, body in whole.sent)
    assert any(b"reasoning" in body for *_, body in whole.sent)


def test_a_stub_that_is_not_neutral_is_seen(tmp_path: Path) -> None:
    """As was one that left marks for "not given" in the bodies for reasoning models."""

    def as_it_is(_own: object) -> Callable[..., Any]:
        async def async_maybe_transform(data: Any, _expected: Any) -> Any:
            return data

        return async_maybe_transform

    reasoning = asking(tmp_path, [("openai", "gpt-5")])
    place = ("openai.resources.chat.completions.completions", "async_maybe_transform")
    assert ran(reasoning, {place: as_it_is}) != ran(reasoning, {}) == ran(reasoning, fast.STUBS)


def test_a_litellm_that_nothing_is_proved_for_does_all_of_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is slower, and right."""
    prepare(chain(driver="litellm-router"))
    import litellm.utils  # noqa: PLC0415 - slow

    own = litellm.utils.traceback
    assert fast.proved()
    assert {version("litellm")} == fast.PROVED, "the tests of this file ran on another one"
    with fast.fast():
        assert litellm.utils.traceback is not own
    monkeypatch.setattr(fast, "proved", lambda: False)
    with fast.fast():
        assert litellm.utils.traceback is own


async def _upper(data: Any, _expected: Any) -> Any:
    """Rename a key, as OpenAI's function does for some types."""
    return {key.replace("when", "WHEN"): value for key, value in data.items()}


async def test_a_shape_that_is_changed_once_is_changed_always() -> None:
    """Only where nothing was changed is nothing done."""
    calls = []

    async def own(data: Any, expected: Any) -> Any:
        calls.append(data)
        return await _upper(data, expected)

    transform = fast.once_per_shape(own)
    for number in range(3):
        assert await transform({"when": number}, dict) == {"WHEN": number}
        assert await transform({"text": str(number), "parts": [{"a": number}]}, dict) == {
            "text": str(number),
            "parts": [{"a": number}],
        }
    assert len(calls) == 4
    assert await transform({"text": 1.5, "parts": []}, dict) == {"text": 1.5, "parts": []}
    assert len(calls) == 5
