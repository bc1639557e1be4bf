"""What the judge is given to know about a chain."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.chain import Chain, Endpoint, Provider, Retry
from harness.chain.driver import DRIVERS, driver_of
from harness.chain.facts import ChainFacts, Tries
from harness.chain.litellm_config import chain as read_config
from harness.chain.policy import BreakerSpec, Policy
from harness.document import parse
from harness.quantities import S

CHAIN = Chain(
    name="chain",
    driver="reference",
    providers={name: Provider(dialect="openai", model="gpt-4") for name in ("spare", "a", "b")},
    order=("a", "b"),
    peers=(("b", "spare"),),
)
ENDPOINT = Endpoint(base_url="http://127.0.0.1:1/v1", model="m", command=("gateway",))


def facts(driver: str, **fields: Any) -> ChainFacts:
    """Return what is known about the chain on a driver."""
    chain = replace(CHAIN, driver=driver, endpoint=ENDPOINT if driver == "endpoint" else None, **fields)
    return driver_of(chain).facts(chain)


def of_config(*deployments: dict[str, Any], proxy: bool = False, **router: Any) -> ChainFacts:
    """Return what is known about a LiteLLM configuration."""
    others = [entry["model_name"] for entry in deployments[1:]]
    router = {"fallbacks": [{deployments[0]["model_name"]: others}]} | router
    data = {"model_list": list(deployments), "router_settings": router}
    chain = read_config(parse(json.dumps(data).encode(), Path("litellm.yaml")), {})
    return DRIVERS["litellm-proxy" if proxy else "litellm-router"].facts(chain)


def deployment(name: str = "a", **params: Any) -> dict[str, Any]:
    """Return an entry of a `model_list`."""
    return {"model_name": name, "litellm_params": {"model": "openai/gpt-4", "api_key": "sk-1", **params}}


def test_names_are_the_order_then_the_others() -> None:
    """Every provider once; peers of the first one are first too."""
    assert CHAIN.names == ("a", "b", "spare")
    assert CHAIN.first == {"a"}
    assert replace(CHAIN, order=("b", "a")).first == {"b", "spare"}
    assert CHAIN.with_peers("spare") == {"b", "spare"}


@pytest.mark.parametrize(
    ("driver", "tries"), [("reference", 2), ("litellm-router", 3), ("litellm-proxy", 3), ("openai-sdk", 3)]
)
def test_a_librarys_default_is_known(driver: str, tries: int) -> None:
    """What nobody writes down counts too, for every provider."""
    found = facts(driver)
    assert {name: each.limit() for name, each in found.tries.items()} == dict.fromkeys(CHAIN.providers, tries)
    assert found.attempts_max(("a", "b")) == 2 * tries
    assert facts(driver, retry=Retry(attempts=7)).attempts_max(CHAIN.names) == 21


def test_nothing_is_known_about_a_gateway_but_what_its_file_declares() -> None:
    """Nor is anything seen on its side."""
    found = facts("endpoint")
    assert not found.sees_attempts
    assert found.tries["a"].limit() is None
    assert found.attempts_max(["a", "b"]) == 6
    assert facts("endpoint", retry=Retry(attempts=4)).attempts_max(["a", "b"]) == 8


def test_every_driver_knows_every_provider() -> None:
    """So whoever asks for one gets an answer, whatever hosts the chain."""
    for driver in DRIVERS.own:
        found = facts(driver)
        assert set(found.tries) == set(found.cooldown_ns) == set(CHAIN.providers)


def test_the_reference_chains_policy_counts() -> None:
    """Tries differ by provider and by what failed; its breaker leaves a provider alone."""
    policy = Policy(
        retry_at={"a": Retry(attempts=5)}, retries_after={"rate_limit": 1}, breaker=BreakerSpec(open=7 * S), max_cost=1
    )
    found = facts("reference", policy=policy, retry=Retry(attempts=3, on=("rate_limit", "server_error")))
    assert found.tries["a"].after == {"rate_limit": 2, "server_error": 5, "timeout": 1, "connection": 1}
    assert found.tries["b"] == Tries(most=3, after={"rate_limit": 2, "server_error": 3, "timeout": 1, "connection": 1})
    assert found.attempts_max(CHAIN.names) == 5 + 3 + 3
    assert found.cooldown_ns["a"] == 7 * S
    assert set(found.limited) == set(CHAIN.providers)
    assert facts("reference", policy=Policy(breaker=None)).cooldown_ns["a"] == 0
    assert facts("reference").limited == ()


def test_embeddings_are_tried_again_by_openais_sdk() -> None:
    """LiteLLM hands it 2 retries where 0 are wanted, but to Azure's; chats have none."""
    listed = [
        deployment("v", model="openai/text-embedding-3-small"),
        deployment("w", model="openai/text-embedding-3-small", max_retries=1),
        deployment("x", model="azure/text-embedding-3-small"),
    ]
    found = of_config(*listed, num_retries=1, retry_policy={"RateLimitErrorRetries": 0})
    assert {name: tries.most for name, tries in found.tries.items()} == {"v": 6, "w": 4, "x": 2}
    assert found.tries["v"].limit("rate_limit") == 3
    assert of_config(deployment("a"), num_retries=1).tries["a"].most == 2


def test_litellms_retries_count_by_class_and_group() -> None:
    """A policy of a group wins over the Router's, a deployment's own number over both sections'."""
    found = of_config(
        deployment("a"),
        deployment("b", num_retries=4),
        num_retries=1,
        retry_policy={"RateLimitErrorRetries": 5, "DefaultRetries": 0},
        model_group_retry_policy={"b": {"TimeoutErrorRetries": 2}},
    )
    assert found.tries["a"].most == 2
    assert found.tries["a"].limit("rate_limit") == 6
    assert found.tries["a"].limit("denied") == 1
    assert found.tries["a"].limit() == 6
    assert found.tries["b"] == Tries(most=5, after={"timeout": 3})
    assert found.attempts_max(["a", "b"]) == 11


def test_litellms_cooldowns_and_limits_count() -> None:
    """What LiteLLM skips by its own rules, and for how long."""
    found = of_config(deployment("a", cooldown_time=90), deployment("b", rpm=3), cooldown_time=300)
    assert found.cooldown_ns == {"a": 90 * S, "b": 300 * S}
    assert found.limited == ("b",)
    assert of_config(deployment("a")).cooldown_ns == {"a": 5 * S}
    assert of_config(deployment("a"), disable_cooldowns=True, cooldown_time=9).cooldown_ns == {"a": 0}
    assert of_config(deployment("a"), enable_pre_call_checks=True).limited == ("a",)


def test_a_deployment_that_litellm_mocks_calls_nobody() -> None:
    """Its answers are nobody's."""
    found = of_config(deployment("a", mock_response="hello"), deployment("b"))
    assert found.never_called == ("a",)


def test_a_client_library_that_sends_twice_is_known() -> None:
    """LiteLLM's does, in the Router and in the proxy."""
    twice = {name for name in DRIVERS.own if facts(name).double_sends}
    assert twice == {"litellm-router", "litellm-proxy"}
