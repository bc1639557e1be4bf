"""A chain without its secrets."""

from __future__ import annotations

import pytest

from harness.chain import Chain, Endpoint, Provider
from harness.chain.redact import HIDDEN, redact, scrub, secrets

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


def test_a_gateways_key_is_a_secret() -> None:
    """The variable's name can be read; what it holds is hidden wherever the gateway repeats it."""
    endpoint = Endpoint(base_url="http://127.0.0.1:1/v1", model="m", api_key="env/OUR_KEY")
    chain = Chain(name="c", driver="endpoint", providers=PROVIDERS, order=("a",), endpoint=endpoint)

    assert redact(chain) == chain
    assert secrets(chain, {"OUR_KEY": "planted-0123"}) == {"planted-0123"}
    assert secrets(chain, {}) == set()


def gateway(*command: str, base_url: str = "http://127.0.0.1:1/v1") -> Chain:
    """Return a chain behind a gateway that is started by a command."""
    endpoint = Endpoint(base_url=base_url, model="m", command=command)
    return Chain(name="c", driver="endpoint", providers=PROVIDERS, order=("a",), endpoint=endpoint)


@pytest.mark.parametrize(
    ("command", "seen"),
    [
        (("--api-key", "planted-0123", "-v"), ("--api-key", HIDDEN, "-v")),
        (("-token", "planted-0123"), ("-token", HIDDEN)),
        (("--use-auth", "-token", "planted-0123"), ("--use-auth", HIDDEN, HIDDEN)),
        (("--secret", "-planted-0123"), ("--secret", HIDDEN)),
        (("--token=planted-0123",), (f"--token={HIDDEN}",)),
        (("OPENAI_API_KEY=planted-0123",), (f"OPENAI_API_KEY={HIDDEN}",)),
        (("-e", "A=1", "-e", "A_TOKEN=planted-0123"), ("-e", "A=1", "-e", f"A_TOKEN={HIDDEN}")),
        (("--env=A_TOKEN=planted-0123",), (f"--env=A_TOKEN={HIDDEN}",)),
        (("--env=A=1,A_TOKEN=planted-0123",), (f"--env=A=1,A_TOKEN={HIDDEN}",)),
        (("-H", "X-Api-Key: planted-0123"), ("-H", f"X-Api-Key: {HIDDEN}")),
        (('{"a":1,"api_key":"planted-0123"}',), (f'{{"a":1,"api_key":"{HIDDEN}',)),
        (("sh", "-c", "A_TOKEN=planted-0123 exec gateway"), ("sh", "-c", f"A_TOKEN={HIDDEN}")),
        (("sh", "-c", "gateway --token planted-0123 -v"), ("sh", "-c", f"gateway --token {HIDDEN}")),
        (("http://h/v1?a=1&api_key=planted-0123&b=2",), (f"http://h/v1?a=1&api_key={HIDDEN}&b=2",)),
        (("--to=http://me:planted-0123@h/v1",), (HIDDEN,)),
    ],
)
def test_a_commands_secrets_are_hidden(command: tuple[str, ...], seen: tuple[str, ...]) -> None:
    """By the name of what they are given to; and each is known by itself, as a log would show it."""
    chain = gateway(*command)
    redacted = redact(chain).endpoint

    assert redacted is not None
    assert redacted.command == seen
    assert "planted-0123" not in scrub("log: '-planted-0123' is no good", secrets(chain, {}))


def test_what_is_no_secret_stays_in_a_command() -> None:
    """Ports, models, limits and the places of addresses can be read in the plan."""
    command = (
        "gateway",
        "--use-auth",
        "--primary",
        "{openai.base_url}/v1?api-version=2024-06-01",
        "--max-tokens",
        "500",
        "--max-tokens=500",
        "-k",
        "8",
        "http://keycloak:8080/v1",
        "MODEL=gpt-4",
    )
    chain = gateway(*command)

    assert redact(chain) == chain
    assert secrets(chain, {}) == frozenset()


def test_an_address_holds_secrets_too() -> None:
    """A key in the query, as it is written and as it is meant, and a password."""
    chain = gateway(base_url="http://127.0.0.1:1/v1?team=a&api_key=pla%2Fnted")
    seen = redact(chain).endpoint

    assert seen is not None
    assert seen.base_url == f"http://127.0.0.1:1/v1?team=a&api_key={HIDDEN}"
    assert secrets(chain, {}) == {"pla%2Fnted", "pla/nted"}
    assert "planted" in secrets(gateway(base_url="http://me:planted@127.0.0.1:1/v1"), {})


def test_a_log_is_scrubbed() -> None:
    """Of every secret, the longest first, and of keys that nobody told us of; all else stays."""
    known = frozenset({"planted", "planted-0123"})
    log = "with planted-0123\nplanted.\nAuthorization: Bearer abc\nkey sk-abcdefghijkl0123 refused\nport 8787"

    assert scrub(log, known) == (f"with {HIDDEN}\n{HIDDEN}.\nAuthorization: {HIDDEN}\nkey {HIDDEN} refused\nport 8787")


def test_a_real_providers_secrets_are_hidden() -> None:
    """A reference to the environment can be read, and leads to a secret; a password in an address is hidden."""
    real = Provider(dialect="openai", model="m", upstream="https://me:planted-0123@host/v1", api_key="env/MINE")
    plain = Provider(dialect="openai", model="m", upstream="https://host/v1?api-key=planted-4567&x=1")
    endpoint = Endpoint(base_url="http://127.0.0.1:1/v1", model="m", api_key="env/OURS")
    chain = Chain(name="c", driver="endpoint", providers={"a": real, "b": plain}, order=("a", "b"), endpoint=endpoint)
    shown = redact(chain)

    assert "planted" not in repr(shown)
    assert shown.providers["a"].api_key == "env/MINE"
    assert shown.providers["b"].upstream == f"https://host/v1?api-key={HIDDEN}&x=1"
    assert shown.endpoint is not None
    assert shown.endpoint.api_key == "env/OURS"
    found = secrets(chain, {"MINE": "key-of-mine", "OURS": "key-of-ours"})
    assert {"key-of-mine", "key-of-ours", "planted-0123", "planted-4567"} <= found


def test_a_master_key_is_scrubbed_by_its_looks() -> None:
    """A proxy's random key is in no chain, yet no log may keep it."""
    assert scrub("Authorization: Bearer sk-Ab3_-xyz0123456789", frozenset()) == f"Authorization: {HIDDEN}"
