"""A chain without its secrets."""

from __future__ import annotations

import pytest

from harness.chain import Chain, Endpoint, Provider
from harness.chain.redact import HIDDEN, redact, secrets

PROVIDERS = {"a": Provider(dialect="openai", model="gpt-4")}


def litellm(config: dict[str, object]) -> Chain:
    """Return a chain that came from a LiteLLM configuration."""
    return Chain(name="c", driver="litellm-router", providers=PROVIDERS, order=("a",), litellm=config)


@pytest.mark.parametrize(
    "config",
    [
        {"model_list": [{"litellm_params": {"api_key": "planted-0123"}}]},
        {"model_list": [{"litellm_params": {"extra_headers": {"x-any": "planted-0123"}}}]},
        {"general_settings": {"database_url": "postgres://me:planted-0123@host/db"}},
        {"environment_variables": {"ANYTHING": "planted-0123"}},
        {"litellm_settings": {"oddly_named": "sk-planted-0123456789"}},
        {"litellm_settings": {"credentials": [{"deep": {"down": "planted-0123"}}]}},
    ],
)
def test_secrets_are_hidden_wherever_they_stand(config: dict[str, object]) -> None:
    """By the name of a key above them, or by their own looks."""
    chain = litellm(config)

    assert "planted-0123" not in repr(redact(chain).litellm)
    assert any("planted-0123" in text for text in secrets(chain, {}))


def test_what_is_no_secret_stays() -> None:
    """Models, numbers, switches and references to the environment can be read in the plan."""
    config = {
        "model_list": [
            {"model_name": "gpt-4", "litellm_params": {"api_key": "os.environ/MINE", "max_tokens": 5, "model": "gpt-4"}}
        ],
        "litellm_settings": {"drop_params": True, "request_timeout": 5},
    }

    assert redact(litellm(config)).litellm == config
    assert secrets(litellm(config), {"MINE": "sk-of-mine"}) == {"sk-of-mine"}


def test_a_gateways_secrets_are_hidden() -> None:
    """Its headers always, and what looks like a key in its command."""
    endpoint = Endpoint(
        base_url="http://127.0.0.1:1/v1",
        model="m",
        headers={"x-team": "planted-0123"},
        command=("run", "--token", "Bearer planted-0123", "--port", "8787"),
    )
    chain = Chain(name="c", driver="endpoint", providers=PROVIDERS, order=("a",), endpoint=endpoint)
    seen = redact(chain).endpoint

    assert seen is not None
    assert seen.headers == {"x-team": HIDDEN}
    assert seen.command == ("run", "--token", HIDDEN, "--port", "8787")
    assert "planted-0123" in secrets(chain, {})
