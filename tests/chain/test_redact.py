"""A chain without its secrets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.chain import Chain, Endpoint, Provider
from harness.chain.redact import redact, secrets
from harness.chain.scrub import HIDDEN, scrub

PROVIDERS = {"a": Provider(dialect="openai", model="gpt-4")}
PLANTED = "planted-0123"


def litellm(config: dict[str, object]) -> Chain:
    """Return a chain that came from a LiteLLM configuration."""
    return Chain(name="c", driver="litellm-router", providers=PROVIDERS, order=("a",), litellm=config)


def gateway(*command: str, base_url: str = "http://127.0.0.1:1/v1") -> Chain:
    """Return a chain behind a gateway that is started by a command."""
    endpoint = Endpoint(base_url=base_url, model="m", command=command)
    return Chain(name="c", driver="endpoint", providers=PROVIDERS, order=("a",), endpoint=endpoint)


def shown_command(*command: str) -> tuple[str, ...]:
    """Return a gateway's command as it is written down."""
    endpoint = redact(gateway(*command)).endpoint
    assert endpoint is not None
    assert endpoint.command is not None
    return endpoint.command


@pytest.mark.parametrize(
    "config",
    [
        {"model_list": [{"litellm_params": {"api_key": PLANTED}}]},
        {"model_list": [{"litellm_params": {"extra_headers": {"timeout": PLANTED}}}]},
        {"model_list": [{"litellm_params": {"api_base": f"https://host/v1/{PLANTED}"}}]},
        {"model_list": [{"litellm_params": {"model": "sk-planted-0123456789"}}]},
        {"general_settings": {"database_url": f"postgres://me:{PLANTED}@host/db"}},
        {"environment_variables": {"TIMEOUT": PLANTED}},
        {"litellm_settings": {"credentials": [{"deep": {"down": PLANTED}}]}},
        {"litellm_settings": {"alert": f"https://hooks.example.com/services/{PLANTED}"}},
        {"router_settings": {"default_litellm_params": {"unheard_of": PLANTED}}},
        {"router_settings": {"model_group_alias": {"gpt": {"token": PLANTED}}}},
        *(
            {"litellm_settings": {name: PLANTED}}
            for name in "passphrase pwd bearer jwt pin cert client_cert_pem webhook_url unheard_of".split()  # noqa: SIM905
        ),
    ],
)
def test_secrets_are_hidden_wherever_they_are(config: dict[str, object]) -> None:
    """Nothing is shown unless it is known to be harmless; and a log that repeats it is scrubbed of it."""
    chain = litellm(config)

    assert "planted" not in repr(redact(chain).litellm)
    assert not secrets(chain, {}).isdisjoint({PLANTED, "sk-planted-0123456789"})


def test_numbers_are_hidden_too() -> None:
    """A pin is a number."""
    config = {"litellm_settings": {"pin": 123456, "request_timeout": 5, "unheard_of": 7}}
    shown = redact(litellm(config)).litellm

    assert shown == {"litellm_settings": {"pin": HIDDEN, "request_timeout": 5, "unheard_of": HIDDEN}}
    assert secrets(litellm(config), {}) == {"123456"}


def test_what_is_no_secret_stays() -> None:
    """Models, limits, switches, fallbacks, addresses and references to the environment can be read in the plan."""
    config = {
        "model_list": [
            {
                "model_name": "gpt-4",
                "litellm_params": {
                    "api_key": "os.environ/MINE",
                    "api_base": "https://x.openai.azure.com/v1",
                    "max_tokens": 5,
                    "rpm": 60,
                    "model": "bedrock/us.anthropic.claude-3-5-sonnet-20241022-v2:0",
                },
                "model_info": {"id": "azure-eu", "mode": "chat"},
            }
        ],
        "litellm_settings": {"drop_params": True, "request_timeout": 5, "unheard_of": False},
        "router_settings": {
            "routing_strategy": "simple-shuffle",
            "fallbacks": [{"gpt-4": ["claude"]}],
            "model_group_retry_policy": {"gpt-4": {"RateLimitErrorRetries": 3}},
        },
    }

    assert redact(litellm(config)).litellm == config
    assert secrets(litellm(config), {"MINE": "sk-of-mine"}) == {"sk-of-mine"}


def test_a_reference_to_a_harmless_setting_is_no_secret() -> None:
    """The model may come from the environment; in an address only what may be secret is."""
    config = {"litellm_params": {"model": "os.environ/MODEL", "api_base": "os.environ/BASE"}}
    environ = {"MODEL": "azure/gpt-4", "BASE": "https://me:planted-0123@host/v1"}

    assert secrets(litellm(config), environ) == {"me:planted-0123", "me%3Aplanted-0123", PLANTED}


def test_keys_in_the_environment_are_secret() -> None:
    """A gateway that we start has them too, and may print them."""
    environ = {"OPENAI_API_KEY": "planted", "SSH_AUTH_SOCK": "/tmp/planted", "LANG": "C.UTF-8-planted", "A_KEY": "a-b"}

    assert secrets(gateway("gw"), environ) == set()
    assert secrets(gateway("gw"), {**environ, "OPENAI_API_KEY": PLANTED}) == {PLANTED}


def test_a_gateways_headers_are_hidden() -> None:
    """Whatever their names."""
    endpoint = Endpoint(base_url="http://127.0.0.1:1/v1", model="m", headers={"x-team": "hunterhunter"})
    chain = replace(gateway(), endpoint=endpoint)
    shown = redact(chain).endpoint

    assert shown is not None
    assert shown.headers == {"x-team": HIDDEN}
    assert secrets(chain, {}) == {"hunterhunter"}


def test_a_gateways_key_is_a_secret() -> None:
    """The variable's name can be read; what it holds is hidden wherever the gateway repeats it."""
    endpoint = Endpoint(base_url="http://127.0.0.1:1/v1", model="m", api_key="env/OUR_OWN")
    chain = replace(gateway(), endpoint=endpoint)

    assert redact(chain) == chain
    assert secrets(chain, {"OUR_OWN": PLANTED}) == {PLANTED}
    assert secrets(chain, {}) == set()


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (("gw", "--api-key", PLANTED, "-v"), ("gw", "--api-key", HIDDEN, "-v")),
        (("gw", "-token", PLANTED), ("gw", "-token", HIDDEN)),
        (("gw", "--use-auth", "-token", PLANTED), ("gw", "--use-auth", HIDDEN, HIDDEN)),
        (("gw", "--secret", f"-{PLANTED}"), ("gw", "--secret", HIDDEN)),
        (("gw", f"--pwd={PLANTED}"), ("gw", f"--pwd={HIDDEN}")),
        (("gw", "--passphrase", PLANTED), ("gw", "--passphrase", HIDDEN)),
        (("gw", f"--pat={PLANTED}"), ("gw", f"--pat={HIDDEN}")),
        (("gw", "-p", PLANTED), ("gw", "-p", HIDDEN)),
        (("gw", f"-p{PLANTED}"), ("gw", HIDDEN)),
        (("gw", f"API={PLANTED}"), ("gw", f"API={HIDDEN}")),
        (("gw", PLANTED), ("gw", HIDDEN)),
        (("gw", f"{PLANTED}=="), ("gw", HIDDEN)),
        (("gw", "--model", "sk-planted-0123456789"), ("gw", "--model", HIDDEN)),
        (("gw", "-e", f"A=1,A_TOKEN={PLANTED}"), ("gw", "-e", f"A={HIDDEN}")),
        (("gw", "-H", f"X-Api-Key: {PLANTED}"), ("gw", "-H", HIDDEN)),
        (("gw", "-H", f"Authorization: Basic {PLANTED}"), ("gw", "-H", HIDDEN)),
        (("gw", f'{{"a":1,"api_key":"{PLANTED}"}}'), ("gw", HIDDEN)),
        (("sh", "-c", f"gateway --token {PLANTED} -v"), ("sh", "-c", HIDDEN)),
        (("gw", f"http://h/v1?api-version=1&sig={PLANTED}"), ("gw", f"http://h/v1?api-version=1&sig={HIDDEN}")),
        (("gw", f"http://h/v1?code={PLANTED}"), ("gw", f"http://h/v1?code={HIDDEN}")),
        (("gw", f"--to=http://me:{PLANTED}@h/v1"), ("gw", f"--to=http://{HIDDEN}@h/v1")),
        (("gw", "admin:12345"), ("gw", HIDDEN)),
    ],
)
def test_a_commands_secrets_are_hidden(command: tuple[str, ...], shown: tuple[str, ...]) -> None:
    """Every value, unless it is known to be harmless; and a log is scrubbed of it, alone or in its argument."""
    hidden = secrets(gateway(*command), {})

    assert shown_command(*command) == shown
    assert "planted" not in scrub(" ".join(command), hidden)
    assert not hidden.isdisjoint({PLANTED, "sk-planted-0123456789", "admin:12345"})


@pytest.mark.parametrize(
    "option", [("--rename", "gpt-4o-2024-08-06"), ("--rename=gpt-4o-2024-08-06",), ("--answer", "half")]
)
def test_the_value_of_an_ordinary_option_is_not_scrubbed(option: tuple[str, ...]) -> None:
    """It is not shown in the command, but records would lose the names of models if every value were secret."""
    assert HIDDEN in " ".join(shown_command("gw", *option))
    assert secrets(gateway("gw", *option), {}) == frozenset()


@pytest.mark.parametrize(
    "option", [("--user", "sk-planted-0123456789"), ("--to", f"http://h/v1/{PLANTED}"), ("-u", PLANTED)]
)
def test_what_looks_like_a_secret_is_scrubbed_whatever_its_option(option: tuple[str, ...]) -> None:
    """A key, a part of an address, and the value of an option of one letter, whose meaning is not known."""
    assert "planted" not in scrub(option[1], secrets(gateway("gw", *option), {}))


def test_a_plain_word_can_be_secret() -> None:
    """Where it is the value of a flag or of a secret name; else logs would lose the words that they consist of."""
    hidden = secrets(gateway("gw", "-p", "hunterhunter", "sh -c 'gateway --token correcthorse'", "production"), {})

    assert {"hunterhunter", "correcthorse"} <= hidden
    assert not hidden & {"gateway", "production"}


def test_what_is_no_secret_stays_in_a_command() -> None:
    """Ports, models, limits, files and the places of addresses can be read in the plan."""
    command = (
        "python",
        "app/gateway.py",
        "serve",
        "--use-auth",
        "--primary",
        "{openai.base_url}/v1?api-version=2024-06-01",
        "--max-tokens",
        "500",
        "--max-tokens=500",
        "--config",
        "/etc/gateway.yaml",
        "http://keycloak:8080/v1",
        "MODEL=gpt-4",
    )

    assert shown_command(*command) == command
    assert secrets(gateway(*command), {}) == frozenset()


def test_an_address_holds_secrets_too() -> None:
    """In its path, in its query as it is written and as it is meant, and as a password."""
    chain = gateway("gw", base_url="http://127.0.0.1:1/v1/tenant-7?team=a&api_key=pla%2Fnted")
    shown = redact(chain).endpoint

    assert shown is not None
    assert shown.base_url == f"http://127.0.0.1:1/v1/{HIDDEN}?team={HIDDEN}&api_key={HIDDEN}"
    assert {"tenant-7", "pla%2Fnted", "pla/nted"} <= secrets(chain, {})
    assert "planted" in secrets(gateway("gw", base_url="http://me:planted@127.0.0.1:1/v1"), {})


def test_a_real_providers_secrets_are_hidden() -> None:
    """A reference to the environment can be read, and leads to a secret; so does the path of an address."""
    real = Provider(dialect="openai", model="m", upstream=f"https://host/v1/{PLANTED}/openai", api_key="env/MINE")
    chain = Chain(name="c", driver="reference", providers={"a": real}, order=("a",))
    shown = redact(chain)

    assert shown.providers["a"].upstream == f"https://host/v1/{HIDDEN}/openai"
    assert shown.providers["a"].api_key == "env/MINE"
    assert secrets(chain, {"MINE": "key-of-mine"}) == {"key-of-mine", PLANTED}


def test_names_of_the_chain_are_no_secrets() -> None:
    """Logs and error codes would be unreadable without them."""
    assert secrets(gateway("gw", "-p", "openai", "-q", "gpt-4"), {}) == frozenset()
