"""Free text without secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.chain.scrub import HIDDEN, names_secret, scrub, shown_key

TEXTS = st.text(alphabet=st.sampled_from("aZ09-_.:/=@?&'\" \\\n(){}skeyBarT"), max_size=80)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key sk-abcdefghijkl0123 refused", f"key {HIDDEN} refused"),
        ("Authorization: Bearer abc", f"Authorization: {HIDDEN}"),
        ("Authorization: Token abc\nport 8787", f"Authorization: {HIDDEN}\nport 8787"),
        ("with Bearer abc, twice", f"with {HIDDEN}, twice"),
        ("Basic dXNlcjpwYXNz", HIDDEN),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc_def", HIDDEN),
        ("AKIAIOSFODNN7EXAMPLE and wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", f"{HIDDEN} and {HIDDEN}"),
        ("Incorrect API key provided: 3f2504e04f8911d39a0c0305e82c3301.", f"Incorrect API key provided: {HIDDEN}."),
        ("gateway --token hunterhunter -v", f"gateway --token {HIDDEN} -v"),
        ("A_PASSWORD=hunterhunter", f"A_PASSWORD={HIDDEN}"),
        ('{"api_key": "hunterhunter", "a": 1}', f'{{"api_key": "{HIDDEN}", "a": 1}}'),
        (r"{\"x-api-key\": \"hunterhunter\"}", rf"{{\"x-api-key\": \"{HIDDEN}\"}}"),
        ("GET http://h/v1?sig=abc&x=1&code=q", f"GET http://h/v1?sig={HIDDEN}&x=1&code={HIDDEN}"),
        ("postgres://me:pw@host/db", f"postgres://{HIDDEN}@host/db"),
        ("https://hooks.slack.com/services/T0/B0/x", f"https://hooks.slack.com/{HIDDEN}"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, shown: str) -> None:
    """By its beginning, its name, its place in an address, or because nobody would choose such a word."""
    assert scrub(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "RateLimitError: Error code: 429 - {'error': {'type': 'rate_limit_error', 'code': 'rate_limit_exceeded'}}",
        "the api_key client option must be set, or the OPENAI_API_KEY environment variable",
        "Basic authentication failed",
        "prompt_tokens=123456 completion_tokens=123456",
        "api_key: os.environ/OPENAI_API_KEY",
        "bedrock/us.anthropic.claude-3-5-sonnet-20241022-v2:0, gpt-4o-mini-2024-07-18",
        "/usr/lib/python3.11/site-packages/litellm/litellm_core_utils/exception_mapping_utils.py line 1234",
        "request 550e8400-e29b-41d4-a716-446655440000 of 2026-11-29T18-50-50Z-1",
        "[[req-000001 ab12cd34]] <<req-000001.openai.1>> http://127.0.0.1:8787/v1/chat/completions?api-version=1",
        "skip-authentication-now-please with sk-no-key",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """Status codes, counts, models, paths, ids and references to the environment."""
    assert scrub(text) == text


def test_known_secrets_are_hidden() -> None:
    """Each of them, the longest first."""
    known = frozenset({"planted", "planted-0123"})

    assert scrub("with planted-0123\nplanted.", known) == f"with {HIDDEN}\n{HIDDEN}."


def test_long_texts_are_scrubbed_too() -> None:
    """Whatever their length: logs are scrubbed as a whole."""
    assert scrub("port 8787\n" * 1000 + "token=hunterhunter") == "port 8787\n" * 1000 + f"token={HIDDEN}"


@given(TEXTS, st.frozensets(st.text("aZ09", min_size=6, max_size=12), max_size=3))
def test_scrubbing_twice_changes_nothing(text: str, secrets: frozenset[str]) -> None:
    """A log may be scrubbed where it is written, and again where it is shown."""
    once = scrub(text, secrets)

    assert scrub(once, secrets) == once
    assert not any(secret in once for secret in secrets)


@pytest.mark.parametrize(
    "name", ["pwd", "PASSPHRASE", "client_cert_pem", "jwt", "pin", "cert", "bearer", "slack_webhook_url", "sig", "code"]
)
def test_names_of_secrets_are_known(name: str) -> None:
    """Also the less usual ones."""
    assert names_secret(name)
    assert not names_secret("max_tokens")
    assert not names_secret("certainty")


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("sk-proj-0123456789abcxyz", "sk-…xyz"),
        ("gsk_0123456789abcdefgxyz", "gsk_…xyz"),
        ("0123456789abcdef0123456789abcxyz", "…xyz"),
        ("sk-short", "sk-…"),
        ("hunter2hunter2", "…"),
        ("sk-0123456789abcdef-x\n", "sk-…"),
        ("", "…"),
    ],
)
def test_a_key_is_shown_as_its_owner_recognises_it(key: str, shown: str) -> None:
    """Of a short one, too much would be shown."""
    assert shown_key(key) == shown
