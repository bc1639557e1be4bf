"""A LiteLLM configuration as it is."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.chain import Chain, load
from harness.chain.litellm_check import STRATEGIES
from harness.chain.litellm_config import chain
from harness.document import parse
from harness.errors import SeveralErrors, UsageError

EXAMPLE = Path(__file__).parents[2] / "scenarios" / "chains" / "litellm-config.yaml"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]{0,62}")


def deployment(group: str, model: str = "openai/gpt-4", *, named: str | None = None, **params: Any) -> dict[str, Any]:
    """Return one entry of a `model_list`."""
    entry: dict[str, Any] = {"model_name": group, "litellm_params": {"model": model, **params}}
    return entry if named is None else {**entry, "model_info": {"id": named}}


def config(*listed: dict[str, Any], fallbacks: Any = None, model: str | None = None, **router: Any) -> Chain:
    """Return the chain of a configuration; JSON is YAML."""
    if fallbacks is not None:
        router["fallbacks"] = fallbacks
    return read({"model_list": list(listed), "router_settings": router}, model=model)


def read(data: Any, *, model: str | None = None) -> Chain:
    """Return the chain of a configuration given as plain data."""
    return chain(parse(json.dumps(data).encode(), Path("litellm.yaml")), {}, model=model)


def test_the_example_is_a_chain() -> None:
    """Names, dialects, order, retries and timeout are the configuration's own."""
    example = load(EXAMPLE)

    assert {name: (p.dialect, p.model) for name, p in example.providers.items()} == {
        "openai-eu": ("openai", "gpt-4"),
        "gpt-4-backup": ("azure", "gpt-4"),
        "claude": ("anthropic", "claude-3-5-sonnet-20241022"),
    }
    assert example.order == ("openai-eu", "gpt-4-backup", "claude")
    assert example.model == "gpt-4"
    assert example.retry is not None
    assert example.retry.attempts == 3
    assert example.timeout == 30 * 10**9
    assert example.driver == "litellm-router"


@pytest.mark.parametrize(
    ("params", "dialect", "model"),
    [
        ({"model": "openai/gpt-4"}, "openai", "gpt-4"),
        ({"model": "gpt-4o"}, "openai", "gpt-4o"),
        ({"model": "openai/org/llama-3"}, "openai", "org/llama-3"),
        ({"model": "azure/my-gpt-4"}, "azure", "my-gpt-4"),
        ({"model": "azure/o_series/my-o3"}, "azure", "my-o3"),
        ({"model": "anthropic/claude-3-haiku"}, "anthropic", "claude-3-haiku"),
        ({"model": "claude-3-haiku"}, "anthropic", "claude-3-haiku"),
        ({"model": "my-gpt-4", "custom_llm_provider": "azure"}, "azure", "my-gpt-4"),
        ({"model": "openai/gpt-4", "custom_llm_provider": "openai"}, "openai", "gpt-4"),
        ({"model": "gemini/gemini-2.5-flash"}, "gemini", "gemini-2.5-flash"),
        ({"model": "openrouter/openai/gpt-4"}, "openrouter", "openai/gpt-4"),
        ({"model": "deepseek/deepseek-chat"}, "deepseek", "deepseek-chat"),
    ],
)
def test_the_dialect_follows_from_the_model(params: dict[str, str], dialect: str, model: str) -> None:
    """The prefix names it, else `custom_llm_provider`, else the model's name."""
    provider = read({"model_list": [{"model_name": "m", "litellm_params": params}]}).providers["m"]

    assert (provider.dialect, provider.model) == (dialect, model)


def test_names_are_ids_else_groups_with_numbers() -> None:
    """Further deployments of a group are numbered; odd letters become `-`, roles are not taken, no name comes twice."""
    listed = [
        deployment("gpt-4"),
        deployment("gpt-4"),
        deployment("gpt-4", named="gpt-4-2"),
        deployment("x", named="eu / west:1"),
        deployment("primary"),
        deployment("fallback-1"),
        deployment("…"),
        deployment("y", named="0"),
    ]

    others = [entry["model_name"] for entry in listed[1:]]
    assert list(config(*listed, fallbacks=[{"gpt-4": others}], max_fallbacks=9).providers) == [
        "gpt-4",
        "gpt-4-2",
        "gpt-4-2-2",
        "eu-west-1",
        "model-primary",
        "model-fallback-1",
        "deployment",
        "0",
    ]


def test_the_order_is_the_one_in_which_litellm_walks() -> None:
    """A fallback's own fallbacks come before the next one, nobody twice; what no caller reaches is left out."""
    listed = [deployment(name) for name in ("a", "b", "c", "d", "lonely")]
    hosted = config(*listed, fallbacks=[{"a": ["b", "c"]}, {"b": ["d", "a"]}])

    assert hosted.order == ("a", "b", "d", "c")
    assert "lonely" not in hosted.providers
    assert hosted.left_out == {"no caller of 'a' reaches": ("lonely",)}


def test_default_fallbacks_are_for_groups_without_their_own() -> None:
    """`default_fallbacks` stand behind every group that has none of its own."""
    listed = [deployment(name) for name in ("a", "b", "c")]

    assert config(*listed, default_fallbacks=["c"]).order == ("a", "c")
    assert config(*listed, fallbacks=[{"a": ["b"]}], default_fallbacks=["c"]).order == ("a", "b", "c")
    assert config(*listed, fallbacks=[{"*": ["b"]}]).order == ("a", "b")


def test_the_walk_is_as_deep_as_litellm_goes() -> None:
    """Each hop counts; a chain of chains ends after `max_fallbacks`."""
    names = "abcdefgh"
    listed = [deployment(name) for name in names]
    hops = [{one: [other]} for one, other in itertools.pairwise(names)]

    assert config(*listed, fallbacks=hops).order == tuple("abcdef")
    assert config(*listed, fallbacks=hops, max_fallbacks=2).order == tuple("abc")


def test_fallbacks_may_stand_in_litellm_settings() -> None:
    """The Router's own settings win over the module's, as in LiteLLM."""
    listed = [deployment(name) for name in ("a", "b", "c")]
    module = {"fallbacks": [{"a": ["c"]}], "num_retries": 1, "request_timeout": 5}

    alone = read({"model_list": listed, "litellm_settings": module})
    both = read({"model_list": listed, "litellm_settings": module, "router_settings": {"fallbacks": [{"a": ["b"]}]}})

    assert alone.order == ("a", "c")
    assert alone.retry is not None
    assert alone.retry.attempts == 2
    assert alone.timeout == 5 * 10**9
    assert both.order == ("a", "b")


def test_a_group_is_walked_by_its_ranks() -> None:
    """`order` in litellm_params ranks a group's deployments; among equals LiteLLM picks at random; unranked ones rest."""
    listed = [
        deployment("a", named="last", order=2),
        deployment("a", named="first", order=1),
        deployment("a", named="also-first", order=1),
        deployment("a", named="never"),
        deployment("b"),
    ]
    hosted = config(*listed, fallbacks=[{"a": ["b"]}])

    assert hosted.order == ("first", "also-first", "last", "b")
    assert hosted.peers == (("first", "also-first"),)


def test_callers_ask_for_the_named_model() -> None:
    """`model:` picks the entry, an alias or what a wildcard takes included."""
    listed = [deployment("a"), deployment("b"), deployment("openai/*", "openai/*")]

    assert config(*listed, model="b").order == ("b",)
    assert config(*listed, model="best", model_group_alias={"best": {"model": "b"}}).order == ("b",)
    assert config(*listed, model="openai/gpt-9").order == ("openai",)
    assert config(*listed, model="openai/gpt-9").model == "openai/gpt-9"


def test_other_kinds_of_deployment_are_no_providers() -> None:
    """Embeddings, speech and images take no chat completions, by mode or by name, and are in no chat's order."""
    listed = [
        deployment("a"),
        deployment("vectors", "text-embedding-3-small"),
        {**deployment("pictures"), "model_info": {"mode": "image_generation"}},
    ]

    assert list(config(*listed).providers) == ["a"]
    mixed = config(*listed, deployment("b"), fallbacks=[{"a": ["vectors", "pictures", "b"]}])
    assert mixed.order == ("a", "b")
    assert mixed.left_out["take no chat completions"] == ("vectors", "pictures")


VECTORS = [
    deployment("v", "openai/text-embedding-3-small"),
    deployment("v", "azure/text-embedding-3-small"),
    {**deployment("w", "bedrock/amazon.titan-embed-text-v2:0"), "model_info": {"mode": "embedding"}},
    deployment("x", "cohere/embed-v4.0"),
]


def test_models_that_embed_texts_are_walked_as_chats_are() -> None:
    """Peers, fallbacks and ranks; what answers chats alone is in none of their orders."""
    listed = [deployment("a"), *VECTORS]
    found = config(*listed, fallbacks=[{"v": ["w", "a", "x"]}], model="v")
    assert found.drawn == "v | v-2 → w → x"
    assert {provider.embeds for provider in found.providers.values()} == {True}
    assert found.left_out == {"embed no texts": ("a",)}
    assert {each.embeds for each in config(*listed, model="a").providers.values()} == {False}


def test_callers_ask_for_embeddings_where_nothing_takes_chats() -> None:
    """The first model that embeds texts; speech and images alone are no chain."""
    assert config(*VECTORS).entry_model == "v"
    assert config({**deployment("pictures"), "model_info": {"mode": "image_generation"}}, *VECTORS).entry_model == "v"
    with pytest.raises(UsageError, match="no deployment takes chat completions, or embeds texts"):
        config({**deployment("pictures"), "model_info": {"mode": "image_generation"}})
    with pytest.raises(UsageError, match="takes neither chat completions nor embeddings"):
        config(deployment("whisper", "openai/whisper-1"), *VECTORS, model="whisper")


def test_a_vendor_without_embeddings_has_no_mock_for_them() -> None:
    """Whatever the configuration says."""
    with pytest.raises(UsageError, match="there is no mock for anthropic"):
        config({**deployment("v", "anthropic/claude-embed"), "model_info": {"mode": "embedding"}})


def test_a_wildcard_may_take_either() -> None:
    """It does not say which models it leads to."""
    assert config(deployment("openai/*", "openai/*"), model="openai/gpt-9").providers["openai"].embeds is None


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ("model_list: []", "litellm.yaml:1: model_list", "the list of deployments is empty"),
        ("model_list: {a: 1}", "litellm.yaml:1: model_list", "expected a list of deployments"),
        ("model_list:\n- gpt-4", "litellm.yaml:2: model_list[0]", "expected a mapping"),
        ("model_list:\n- litellm_params: {model: m}", "litellm.yaml:2: model_list[0].model_name", "missing"),
        ("model_list:\n- model_name: 4", "litellm.yaml:2: model_list[0].model_name", "expected a name"),
        ("model_list:\n- model_name: a", "litellm.yaml:2: model_list[0].litellm_params", "missing"),
        ("OK\nrouter_settings: 5", "litellm.yaml:4: router_settings", "expected settings"),
        ("OK\nrouter_settings:\n  num_retries: two", "litellm.yaml:5: router_settings.num_retries", "whole number"),
        ("OK\nrouter_settings:\n  timeout: -1", "litellm.yaml:5: router_settings.timeout", "number of seconds"),
        ("OK\nrouter_settings:\n  fallbacks: a", "litellm.yaml:5: router_settings.fallbacks", "expected a list"),
        (
            "OK\nrouter_settings:\n  fallbacks: [{a: [a], b: [a]}]",
            "litellm.yaml:5: router_settings.fallbacks[0]",
            "one",
        ),
        (
            "OK\nrouter_settings:\n  fallbacks:\n  - a:\n    - aa",
            "litellm.yaml:7: router_settings.fallbacks[0].a[0]",
            "'aa'",
        ),
        (
            "OK\nlitellm_settings:\n  default_fallbacks: [b]",
            "litellm.yaml:5: litellm_settings.default_fallbacks[0]",
            "'b'",
        ),
        (
            "OK\nrouter_settings: {model_group_alias: {x: y}}",
            "litellm.yaml:4: router_settings.model_group_alias.x",
            "'y'",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, where: str, problem: str) -> None:
    """File, line and field of what is wrong."""
    text = text.replace("OK", "model_list:\n- model_name: a\n  litellm_params: {model: gpt-4}")
    with pytest.raises(UsageError, match=re.escape(problem)) as caught:
        chain(parse(text.encode(), Path("litellm.yaml")), {})

    assert caught.value.where == where


@pytest.mark.parametrize(
    ("written", "found", "hint"),
    [
        ({"num_retries": "3"}, '"3"', "write num_retries: 3"),
        ({"timeout": "30s"}, '"30s"', "write timeout: 30"),
        ({"timeout": "2.5"}, '"2.5"', "write timeout: 2.5"),
        ({"num_retries": True}, "true", None),
        ({"fallbacks": [["a", "b"]]}, '["a", "b"]', 'write the item: {"a": ["b"]}'),
        ({"fallbacks": ["a"]}, '"a"', 'write the item: {"a": ["another-model"]}'),
        (
            {"fallbacks": [{"a": ["b"], "b": ["a"]}]},
            '{"a": ["b"], "b": ["a"]}',
            'write one item for each model: {"a": ["b"]}, {"b": ["a"]}',
        ),
        ({"fallbacks": {"a": ["b"]}}, '{"a": ["b"]}', 'write [{"a": ["b"]}]'),
        ({"fallbacks": {"a": "b"}}, '{"a": "b"}', 'write [{"a": ["b"]}]'),
        ({"fallbacks": "b"}, '"b"', 'write [{"gpt-4": ["claude"]}]'),
        ({"context_window_fallbacks": [{"a": "b"}]}, '"b"', 'write ["b"]'),
        ({"default_fallbacks": "b"}, '"b"', 'write ["b"]'),
        ({"model_group_alias": ["b"]}, '["b"]', 'write {"alias": "model_name"}'),
    ],
)
def test_a_wrong_value_is_shown_with_the_right_form(written: dict[str, Any], found: str, hint: str | None) -> None:
    """As it can be copied into the file."""
    with pytest.raises(UsageError) as caught:
        config(deployment("a"), deployment("b"), **written)
    assert caught.value.problem.endswith(f", found {found}")
    assert caught.value.hint == hint


@pytest.mark.parametrize(("listed", "model"), [([deployment("*", "openai/*")], None), ([deployment("a")], "b")])
def test_callers_need_a_model_to_ask_for(listed: list[dict[str, Any]], model: str | None) -> None:
    """A wildcard names no model, and an unknown one leads nowhere."""
    with pytest.raises(UsageError):
        config(*listed, model=model)


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 200) | st.floats() | st.sampled_from(["a", "b", "*", "openai/x", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "model", "order", "id", "mode", "*"]), inner, max_size=3)
    ),
    max_leaves=8,
)
settings = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("fallbacks", "default_fallbacks", "num_retries", "timeout", "model_group_alias", "max_fallbacks"), anything
    ),
)
entries = st.fixed_dictionaries(
    {"model_name": st.sampled_from(["a", "b", "x/*"]) | anything, "litellm_params": st.just({"model": "m"}) | anything},
    optional={"model_info": anything},
)
configs = st.fixed_dictionaries(
    {"model_list": st.lists(entries, max_size=4) | anything},
    optional={"router_settings": settings | anything, "litellm_settings": settings | anything},
)


@given(data=configs, model=st.sampled_from([None, "a", "x/y"]))
def test_any_configuration_is_a_chain_or_a_usage_error(data: Any, model: str | None) -> None:
    """Whatever the file holds, the result is a sound chain or an error with a line, never a traceback."""
    try:
        hosted = read(data, model=model)
    except UsageError as error:
        where = error.where or ""
    else:
        where = "litellm.yaml:1"
        assert all(NAME.fullmatch(name) for name in hosted.providers)
        assert set(hosted.order) <= set(hosted.providers)
        assert len(set(hosted.order)) == len(hosted.order) > 0
        assert {name for peers in hosted.peers for name in peers} <= set(hosted.order)
    assert re.match(r"litellm\.yaml:\d+(: |$)", where)


def test_all_mistakes_are_reported_at_once() -> None:
    """First those of the deployments, which the others rely on."""
    with pytest.raises(SeveralErrors) as caught:
        read({"model_list": [{"litellm_params": {}}, 5, deployment("a")], "router_settings": "x"})
    assert [error.problem for error in caught.value.errors] == [
        "expected settings by name, found a text",
        "missing",
        "expected a mapping with model_name and litellm_params",
    ]
    fallbacks = [{"a": ["b", "a"]}, {"a": ["a"]}, {"a": ["c"]}]
    with pytest.raises(SeveralErrors) as caught:
        config(deployment("a"), fallbacks=fallbacks, num_retries=-1, timeout="soon")
    assert [error.problem for error in caught.value.errors] == [
        "expected a whole number from 0 to 99, found -1",
        'expected a number of seconds from 0 to 604800, found "soon"',
        "no model_name is 'b'",
        "no model_name is 'c'",
    ]


@pytest.mark.parametrize("strategy", [*STRATEGIES, "os.environ/STRATEGY"])
def test_a_routing_strategy_of_litellms_is_taken(strategy: str) -> None:
    """Whatever LiteLLM takes; one that the environment names cannot be known before."""
    assert config(deployment("a"), routing_strategy=strategy).order == ("a",)


@pytest.mark.parametrize(
    ("strategy", "problem", "hint"),
    [
        ("priority", "takes 'priority' as the strategy of a group alone", "an entry of `routing_groups` takes it"),
        ("usage-based-routing-v3", "has no routing strategy 'usage-based-routing-v3'", "did you mean"),
        (["simple-shuffle"], "has no routing strategy", ""),
    ],
)
def test_a_routing_strategy_that_litellm_refuses_is_refused_by_name(strategy: Any, problem: str, hint: str) -> None:
    """When the file is read, not when LiteLLM starts."""
    with pytest.raises(UsageError, match=problem) as caught:
        config(deployment("a"), routing_strategy=strategy)

    assert str(caught.value.where).endswith(": router_settings.routing_strategy")
    assert caught.value.known == ", ".join(STRATEGIES)
    assert hint in (caught.value.hint or "")


def test_a_group_takes_one_strategy_more() -> None:
    """`priority` is for groups; anything else is checked as everywhere."""
    group = {"group_name": "g", "models": ["a"], "model_priorities": {"a": 1}}
    assert config(deployment("a"), routing_groups=[{**group, "routing_strategy": "priority"}]).order == ("a",)
    with pytest.raises(UsageError, match="'prio'") as caught:
        config(deployment("a"), routing_groups=[{**group, "routing_strategy": "prio"}])
    assert str(caught.value.where).endswith(": router_settings.routing_groups[0].routing_strategy")
