"""What LiteLLM's Router is made of."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.chain import Chain, Provider, Retry
from harness.chain.litellm_config import chain
from harness.chain.litellm_router import MOCKS, RouterSettings, router_settings
from harness.chain.policy import FallbackSpec, Policy
from harness.chain.spec import DUMMY_KEY
from harness.document import parse
from harness.errors import UsageError
from harness.quantities import S

OURS = Chain(
    name="ours",
    driver="litellm-router",
    providers={
        "openai": Provider(dialect="openai", model="gpt-4"),
        "azure": Provider(dialect="azure", model="gpt-4"),
        "anthropic": Provider(dialect="anthropic", model="claude-3-haiku"),
        "spare": Provider(dialect="openai", model="gpt-3.5-turbo"),
    },
    order=("azure", "openai", "anthropic"),
)
BASE_URLS = {name: f"http://127.0.0.1:{port}" for port, name in enumerate(OURS.providers, start=9000)}


def ours(**fields: Any) -> RouterSettings:
    """Return the settings of our chain with other fields."""
    hosted = Chain(name="ours", driver="litellm-router", providers=OURS.providers, order=OURS.order, **fields)
    return router_settings(hosted, BASE_URLS, {}, proxy=False)


def theirs(data: dict[str, Any], environ: dict[str, str] | None = None, *, proxy: bool = False) -> RouterSettings:
    """Return the settings of a LiteLLM configuration; each provider is at a port of its own."""
    hosted = chain(parse(json.dumps(data).encode(), Path("litellm.yaml")), {})
    urls = {name: f"http://127.0.0.1:{port}" for port, name in enumerate(hosted.providers, start=9000)}
    return router_settings(hosted, urls, environ or {}, proxy=proxy)


BEDROCK = "bedrock/converse/eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
HERE = "http://127.0.0.1:9000"


def test_a_deployment_of_bedrock_has_credentials_and_an_address_in_both_places() -> None:
    """LiteLLM looks for missing ones in a profile, at a login service and at the machine, and lets the endpoint win."""
    written = {
        "model": BEDROCK,
        "aws_bedrock_runtime_endpoint": "https://proxy.example/bedrock",
        "aws_secret_access_key": "",
    }
    written |= {
        "aws_role_name": "arn:aws:iam::1:role/r",
        "aws_access_key_id": "os.environ/UNSET",
        "aws_region_name": "xx-9",
    }
    settings = theirs({"model_list": [{"model_name": "claude", "litellm_params": written}]})
    params = settings.model_list[0]["litellm_params"]
    assert (params["api_base"], params["aws_bedrock_runtime_endpoint"]) == (HERE, HERE)
    assert (params["aws_access_key_id"], params["aws_secret_access_key"]) == ("no-key", "no-key")
    assert (params["model"], params["aws_region_name"], params["api_key"]) == (BEDROCK, "xx-9", DUMMY_KEY)
    assert "aws_role_name" not in params
    assert any("aws_role_name left out" in warning for warning in settings.warnings)


def test_a_provider_of_bedrock_has_them_too() -> None:
    """A chain file of our own names none of it."""
    chain_file = Chain(
        name="c", driver="litellm-router", providers={"aws": Provider(dialect="bedrock", model="m")}, order=("aws",)
    )
    (entry,) = router_settings(chain_file, {"aws": HERE}, {}, proxy=False).model_list
    assert entry["litellm_params"] == {
        "model": "bedrock/m",
        "api_base": HERE,
        "aws_bedrock_runtime_endpoint": HERE,
        "aws_access_key_id": "no-key",
        "aws_secret_access_key": "no-key",
        "aws_region_name": "us-east-1",
        "api_key": DUMMY_KEY,
    }


@pytest.mark.parametrize("key", ["vertex_credentials", "vertex_ai_credentials"])
def test_a_deployment_of_vertex_ai_logs_in_with_a_dummy(key: str, tmp_path: Path) -> None:
    """Credentials of the file are neither read nor handed over; no key is missed."""
    planted = tmp_path / "planted.json"
    written = {"model": "vertex_ai/claude-sonnet-4@20250514", "vertex_project": "mine", key: str(planted)}
    settings = theirs({"model_list": [{"model_name": "claude", "litellm_params": written}]})
    params = settings.model_list[0]["litellm_params"]
    path = "/v1/projects/harness/locations/global/publishers/anthropic/models/claude-sonnet-4@20250514"
    assert params["api_base"] == HERE + path
    assert (params["vertex_project"], params["vertex_location"]) == ("mine", "global")
    assert json.loads(params["vertex_credentials"])["refresh_token"] == "no-key"
    assert str(planted) not in str(params)
    assert settings.warnings == (f"{key} left out, using a dummy key (claude)",)


@pytest.mark.parametrize(
    "model", ["gemini-3.1-pro-preview", "vertex_ai/gemini-2.5-pro", "vertex_ai_beta/gemini-2.5-pro"]
)
def test_geminis_models_are_vertex_ais(model: str) -> None:
    """As in LiteLLM, unless they are called `gemini/...`; a project that is not set has a dummy."""
    written = {"model": model, "vertex_project": "os.environ/UNSET"}
    settings = theirs({"model_list": [{"model_name": "g", "litellm_params": written}]})
    assert settings.providers[0].dialect == "vertex_ai"
    assert settings.model_list[0]["litellm_params"]["vertex_project"] == "harness"
    assert (
        theirs({"model_list": [{"model_name": "g", "litellm_params": {"model": "gemini/x"}}]}).providers[0].dialect
        == "gemini"
    )


def test_each_provider_is_a_group_of_its_own() -> None:
    """One deployment each, at its provider's address, joined by fallbacks in order."""
    settings = ours()

    assert [entry["model_name"] for entry in settings.model_list] == ["azure", "openai", "anthropic", "spare"]
    assert [entry["litellm_params"] for entry in settings.model_list[:3]] == [
        {"model": "azure/gpt-4", "api_base": "http://127.0.0.1:9001", "api_key": DUMMY_KEY},
        {"model": "openai/gpt-4", "api_base": "http://127.0.0.1:9000/v1", "api_key": DUMMY_KEY},
        {"model": "anthropic/claude-3-haiku", "api_base": "http://127.0.0.1:9002", "api_key": DUMMY_KEY},
    ]
    assert settings.router == {"fallbacks": [{"azure": ["openai", "anthropic"]}]}
    assert settings.addressable == {name: name for name in OURS.providers}
    assert settings.warnings == ()


def test_attempts_count_the_first_try() -> None:
    """`attempts: 3` is LiteLLM's `num_retries: 2`; unstated it is LiteLLM's own default."""
    assert ours(retry=Retry(attempts=3)).router["num_retries"] == 2
    assert ours(retry=Retry(attempts=1)).router["num_retries"] == 0
    assert "num_retries" not in ours(retry=Retry(backoff="exponential")).router
    assert ours(timeout=1_500_000_000).router["timeout"] == 1.5


def test_what_litellm_does_by_itself_is_left_to_it() -> None:
    """All four kinds are what it retries anyway: a policy would only take its other checks away."""
    every = Retry(attempts=3, on=("rate_limit", "server_error", "timeout", "connection"))

    assert "retry_policy" not in ours(retry=every).router


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (("rate_limit",), {"RateLimitErrorRetries": 4, "TimeoutErrorRetries": 0, "InternalServerErrorRetries": 0}),
        (("timeout", "server_error", "connection"), {"RateLimitErrorRetries": 0, "TimeoutErrorRetries": 4}),
        ((), {"RateLimitErrorRetries": 0, "ServiceUnavailableErrorRetries": 0, "DefaultRetries": 0}),
    ],
)
def test_kinds_become_a_retry_policy(kinds: tuple[Any, ...], expected: dict[str, int]) -> None:
    """A listed kind is retried, another is not."""
    policy = ours(retry=Retry(attempts=5, on=kinds)).router["retry_policy"]

    assert {name: policy[name] for name in expected} == expected


def test_a_kind_that_litellm_cannot_decide_is_an_error() -> None:
    """A refused connection is an InternalServerError to it, so one without the other would test something else."""
    with pytest.raises(UsageError, match="cannot tell"):
        ours(retry=Retry(on=("rate_limit", "connection")))


def test_a_split_of_timeouts_and_server_errors_is_warned_of() -> None:
    """LiteLLM counts a 504 as a timeout: that is a warning, because people count it as a server error."""
    (warning,) = ours(retry=Retry(on=("rate_limit", "server_error", "connection"))).warnings

    assert "504" in warning


def test_a_policy_by_class_becomes_litellms() -> None:
    """Each class has its own number of retries, and what is not named keeps `attempts`."""
    after: dict[Any, int] = {"rate_limit": 3, "content_policy": 1, "timeout": 0}
    router = ours(retry=Retry(attempts=2), policy=Policy(retries_after=after)).router
    assert router["retry_policy"] == {
        "RateLimitErrorRetries": 3,
        "InternalServerErrorRetries": 1,
        "ServiceUnavailableErrorRetries": 1,
        "TimeoutErrorRetries": 0,
        "ContentPolicyViolationErrorRetries": 1,
    }


@pytest.mark.parametrize("after", [{"connection": 1}, {"invalid": 1, "context_window": 2}, {"quota": 1}])
def test_classes_that_litellm_cannot_tell_apart_are_an_error(after: dict[Any, int]) -> None:
    """Each number would hold for the other class too."""
    with pytest.raises(UsageError, match="cannot tell"):
        ours(policy=Policy(retries_after=after))


def test_litellms_own_settings_come_from_the_policy() -> None:
    """In LiteLLM's units and with its names."""
    router = ours(policy=Policy(allowed_fails=2, cooldown=30 * S)).router
    assert (router["allowed_fails"], router["cooldown_time"]) == (2, 30.0)


def test_lanes_and_chains_become_tables() -> None:
    """Of the first provider for refused requests, and of every model that callers may ask for."""
    router = ours(
        fallback=FallbackSpec(content_policy=("anthropic",), context_window=("spare", "openai")),
        chains={"openai": ("spare",), "spare": ()},
    ).router
    assert router["fallbacks"] == [{"azure": ["openai", "anthropic"]}, {"openai": ["spare"]}]
    assert router["content_policy_fallbacks"] == [{"azure": ["anthropic"]}]
    assert router["context_window_fallbacks"] == [{"azure": ["spare", "openai"]}]


def test_a_version_and_headers_go_along() -> None:
    """As LiteLLM names them, at the one deployment."""
    own = replace(OURS.providers["azure"], api_version="2025-01-01", headers={"x-team": "chaos"})
    chain = replace(OURS, providers={**OURS.providers, "azure": own})
    params = router_settings(chain, BASE_URLS, {}, proxy=False).model_list[0]["litellm_params"]
    assert (params["api_version"], params["extra_headers"]) == ("2025-01-01", {"x-team": "chaos"})


def test_only_the_address_changes() -> None:
    """Every other parameter and the whole entry stay as written."""
    params = {"model": "azure/x", "api_base": "https://a.example", "base_url": "https://b.example"}
    params |= {"api_key": "sk-mine-0123456", "rpm": 5, "order": 1, "temperature": 0.5}
    entry = {"model_name": "a", "litellm_params": params, "model_info": {"id": "one", "mode": "chat"}, "tpm": 3}

    (rewired,) = theirs({"model_list": [copy.deepcopy(entry)]}).model_list

    address = "http://127.0.0.1:9000"
    assert rewired == {**entry, "litellm_params": {**params, "api_base": address, "base_url": address}}


@pytest.mark.parametrize(
    ("params", "environ", "key", "warned"),
    [
        ({"api_key": "os.environ/MINE"}, {"MINE": "sk-1"}, "sk-1", None),
        ({"api_key": "os.environ/MINE"}, {}, DUMMY_KEY, "MINE"),
        ({}, {"OPENAI_API_KEY": "sk-2"}, "sk-2", None),
        ({}, {}, DUMMY_KEY, "OPENAI_API_KEY"),
        ({"api_key": "sk-3"}, {"OPENAI_API_KEY": "sk-2"}, "sk-3", None),
    ],
)
def test_a_missing_key_is_a_dummy(
    params: dict[str, str], environ: dict[str, str], key: str, warned: str | None
) -> None:
    """A key that is there is used; where there is none, a dummy is used, with a warning."""
    settings = theirs({"model_list": [{"model_name": "a", "litellm_params": {"model": "gpt-4", **params}}]}, environ)

    assert settings.model_list[0]["litellm_params"]["api_key"] == key
    assert [warned in warning for warning in settings.warnings] == ([True] if warned else [])  # type: ignore[operator]


def test_a_login_is_never_made() -> None:
    """Azure's login service would be a call out: its fields are left out, and a dummy key is used."""
    params = {"model": "azure/x", "tenant_id": "t", "client_id": "c", "client_secret": "not-to-be-seen"}

    settings = theirs({"model_list": [{"model_name": "a", "litellm_params": params}]})

    assert set(settings.model_list[0]["litellm_params"]) == {"model", "api_base", "api_key"}
    assert settings.warnings == (
        "AZURE_API_KEY is not set; mocks need no key",
        "tenant_id, client_id, client_secret left out, using a dummy key (a)",
    )
    assert "not-to-be-seen" not in repr(settings.warnings)


def test_settings_go_where_the_proxy_puts_them() -> None:
    """Router settings are the Router's arguments, LiteLLM settings the module's attributes; the rest is warned of."""
    settings = theirs(
        {
            "model_list": [{"model_name": "a", "litellm_params": {"model": "gpt-4", "api_key": "sk-1"}}],
            "router_settings": {"cooldown_time": 7, "redis_host": "os.environ/REDIS", "set_verbose": False},
            "litellm_settings": {"request_timeout": 9, "drop_params": True, "callbacks": ["x"], "cache": True},
            "general_settings": {"master_key": "sk-master"},
        }
    )

    assert settings.router == {"cooldown_time": 7}
    assert settings.module == {"request_timeout": 9, "drop_params": True, "request_timeout_explicitly_set": True}
    assert settings.warnings == (
        "router_settings: not applied: redis_host",
        "litellm_settings: not applied: callbacks, cache",
        "general_settings: not applied, it is for LiteLLM's proxy",
    )


def test_the_proxy_takes_more() -> None:
    """All that stays inside is handed on, where the proxy looks for it; what stores, reports or logs in is not."""
    settings = theirs(
        {
            "model_list": [{"model_name": "a", "litellm_params": {"model": "gpt-4", "api_key": "sk-1"}}],
            "router_settings": {"cooldown_time": 7, "redis_host": "h"},
            "litellm_settings": {
                "request_timeout": 9,
                "turn_off_message_logging": True,
                "success_callback": ["langfuse"],
                "cache_params": {"type": "redis"},
                "guardrails": [{}],
                "json_logs": True,
            },
            "general_settings": {
                "cancel_on_disconnect": True,
                "master_key": "sk-master",
                "database_url": "postgres://h/db",
                "alerting": ["slack"],
                "background_health_checks": True,
            },
            "mcp_servers": {"x": {}},
        },
        proxy=True,
    )

    assert settings.router == {"cooldown_time": 7}
    assert settings.module == {"request_timeout": 9, "turn_off_message_logging": True}
    assert settings.general == {"cancel_on_disconnect": True}
    assert settings.warnings == (
        "router_settings: not applied: redis_host",
        "litellm_settings: not applied: success_callback, cache_params, guardrails, json_logs",
        "general_settings: not applied: master_key, database_url, alerting, background_health_checks",
        "mcp_servers: not applied",
    )


def test_a_deployment_left_out_is_warned_of() -> None:
    """What LiteLLM would accept silently is a warning."""
    settings = theirs(
        {
            "model_list": [
                {"model_name": "gpt-4", "litellm_params": {"model": "gpt-4", "api_key": "sk-1"}},
                {"model_name": "v", "litellm_params": {"model": "text-embedding-3-small"}},
            ],
        }
    )

    assert [entry["model_name"] for entry in settings.model_list] == ["gpt-4"]
    assert "left out: 1 that no caller of 'gpt-4' reaches (v)" in settings.warnings


def test_a_groups_deployments_share_their_address_book_entry() -> None:
    """A caller can ask for a group; a wildcard is no name to ask for."""
    listed = [
        {"model_name": group, "litellm_params": {"model": "openai/gpt-4", "api_key": "sk-1"}}
        for group in ("a", "a", "openai/*")
    ]

    assert theirs({"model_list": listed}).addressable == {"a": "a", "a-2": "a"}


def test_a_wildcard_is_addressed_by_what_callers_ask_for() -> None:
    """The entry's own provider can always be reached."""
    data = {"model_list": [{"model_name": "openai/*", "litellm_params": {"model": "openai/*", "api_key": "sk-1"}}]}
    hosted = chain(parse(json.dumps(data).encode(), Path("litellm.yaml")), {}, model="openai/gpt-4")

    assert router_settings(hosted, {}, {}, proxy=False).addressable == {"openai": "openai/gpt-4"}


@pytest.mark.parametrize("mock", MOCKS)
def test_a_deployment_that_answers_by_itself_is_pointed_out(mock: str) -> None:
    """No fault reaches it: whoever tests a fallback to it tests nothing."""
    entries = [
        {"model_name": "a", "litellm_params": {"model": "openai/gpt-4", "api_key": "sk-1", mock: "hello"}},
        {"model_name": "b", "litellm_params": {"model": "openai/gpt-4", "api_key": "sk-1"}},
    ]
    settings = {"router_settings": {"fallbacks": [{"a": ["b"]}]}}
    only = f"a: {mock} is set, so this deployment never calls a provider"
    assert theirs({"model_list": entries, **settings}).warnings == (only,)
    entries[1]["litellm_params"] |= {mock: "hello"}  # type: ignore[operator]
    warning = f"a, b: {mock} is set, so these deployments never call a provider"
    assert theirs({"model_list": entries, **settings}).warnings == (warning,)
