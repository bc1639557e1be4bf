"""LiteLLM's real proxy in its real processes, in front of mocked providers."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from harness.chain import Chain, Provider, Retry
from harness.drivers.host import host
from harness.drivers.litellm_proxy.worker import seclude
from harness.errors import UsageError
from harness.history.records import ChainAttempt, HealthRecord
from harness.provider.kinds import Api
from harness.store.capture import rows
from tests.drivers.hosted import DEADLINE_S, Hosted, text_of
from tests.drivers.providers import WORDS
from tests.polling import until

TEXT = "".join(WORDS)
CHAIN = Chain(
    name="two-workers",
    driver="litellm-proxy",
    providers={
        "openai": Provider(dialect="openai", model="gpt-4"),
        "azure": Provider(dialect="azure", model="gpt-4"),
        "anthropic": Provider(dialect="anthropic", model="claude-3-5-sonnet-20241022"),
        "gemini": Provider(dialect="gemini", model="gemini-2.5-flash"),
        "openrouter": Provider(dialect="openrouter", model="openai/gpt-4"),
        "deepseek": Provider(dialect="deepseek", model="deepseek-chat"),
        "gone": Provider(dialect="openai", model="gpt-4"),
    },
    order=("openai", "azure", "anthropic"),
    retry=Retry(attempts=2),
    workers=2,
)
ENVIRON = {"DATABASE_URL": "postgres://127.0.0.1:9/x"}


@pytest.mark.system
@pytest.mark.parametrize("name", [name for name in CHAIN.providers if name != "gone"])
@pytest.mark.parametrize("stream", [False, True])
def test_every_dialect_is_recorded(child: Hosted, request_id: str, name: str, stream: bool) -> None:
    """Plain and streamed attempts of all dialects pass the recorder, and their keys reach the provider."""
    answer = child.ask(request_id, model=child.address.addressable[name], stream=stream)

    assert answer.status_code == 200
    assert text_of(answer, stream=stream) == TEXT
    (attempt,) = child.attempts(request_id, 1)
    assert (attempt.provider, attempt.outcome, attempt.status) == (name, "ok", 200)
    assert attempt.key in child.mocks[name].keys


@pytest.mark.system
@pytest.mark.parametrize(
    ("api", "name"), [("embeddings", "openai"), ("responses", "openai"), ("messages", "anthropic")]
)
@pytest.mark.parametrize("key", ["authorization", "x-api-key"])
def test_every_form_has_its_address(child: Hosted, request_id: str, api: Api, name: str, key: str) -> None:
    """They are the proxy's own. Each takes the key as a bearer token, and as Anthropic's clients send it."""
    bearer = child.address.headers["authorization"]
    headers = {key: bearer if key == "authorization" else bearer.removeprefix("Bearer ")}

    answer = child.post(api, request_id, model=name, headers=headers)

    assert answer.status_code == 200
    assert child.tried(request_id, 1) == [(name, "ok")]
    assert child.address.lacking == {}


@pytest.mark.system
@pytest.mark.parametrize(("act", "outcome"), [("429", "status"), ("reset", "reset")])
def test_a_failing_provider_falls_back(child: Hosted, request_id: str, act: str, outcome: str) -> None:
    """Two tries at the first provider, then the next one serves, by the chain's order."""
    child.mocks["openai"].act = act

    answer = child.ask(request_id)

    assert answer.status_code == 200
    assert child.tried(request_id, 3) == [("openai", outcome), ("openai", outcome), ("azure", "ok")]


@pytest.mark.system
def test_a_refused_connection_is_seen(child: Hosted, request_id: str) -> None:
    """Only the chain's transport records a refusal."""
    assert child.ask(request_id, model="gone").status_code == 500
    assert child.tried(request_id, 2) == [("gone", "refused")] * 2


@pytest.mark.system
def test_both_workers_record_their_own(child: Hosted) -> None:
    """Each has a file of attempts and health of its own, and no two attempts have the same key."""
    files = {path.stem: path for path in child.capture.glob("chain-*.jsonl")}
    deadline = time.monotonic() + DEADLINE_S
    while len({row.key[:2] for row in _attempts(files.values())}) < 2:
        assert time.monotonic() < deadline
        with httpx.Client(trust_env=False, timeout=DEADLINE_S) as fresh:  # a connection may go to either
            fresh.post(child.url, json=child.body("req-900000"), headers=child.address.headers)

    keys = Counter(row.key for row in _attempts(files.values()))
    assert set(files) == {"chain-1", "chain-2"}
    assert keys.most_common(1)[0][1] == 1
    for name, path in files.items():
        assert {row.process for row in rows(path) if isinstance(row, HealthRecord)} == {name}


@pytest.mark.system
def test_the_key_is_nowhere(child: Hosted) -> None:
    """Without it there is no answer; it is in no argument, environment, capture, log or file that is left."""
    key = child.address.headers["authorization"].removeprefix("Bearer ")
    parent = psutil.Process(child.process.pid)
    processes = [parent, *parent.children(recursive=True)]

    refused = child.client.post(child.url, json=child.body("req-900001"))

    assert refused.status_code >= 400
    assert len(key) > 40
    assert len(processes) == 3
    assert key not in repr([process.cmdline() for process in processes])
    assert key not in repr([process.environ() for process in processes])
    assert key not in repr(child.address)
    files = [*child.capture.iterdir(), child.errors]
    assert not any(key.encode() in path.read_bytes() for path in files)
    assert "postgres" not in child.errors.read_text()


@pytest.mark.system
def test_the_end_waits_for_nobody(child: Hosted, request_id: str) -> None:
    """The last test of this proxy: it ends well although an answer is under way, and writes its attempt."""
    mock = child.mocks["openai"]
    mock.act = "hang"
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(child.ask, request_id)
        until(lambda: bool(mock.keys))
        assert child.process.stdin is not None
        child.process.stdin.close()
        assert child.process.wait(DEADLINE_S) == 0
        assert asked.exception() is not None or asked.result().status_code >= 500

    assert child.tried(request_id, 1) == [("openai", "client_left")]


def test_a_missing_proxy_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named before anything starts."""
    monkeypatch.setattr(sys.modules["harness.drivers.host"], "find_spec", lambda _name: None)

    with pytest.raises(UsageError, match="not installed") as caught:
        host(CHAIN)

    assert (caught.value.hint or "").startswith("pip install 'llm-fallback-harness[proxy]', or ")


def test_the_proxys_own_environment_is_left_out() -> None:
    """Databases, caches and hooks that the environment names are not the chain's."""
    environ = {"DATABASE_URL": "x", "LITELLM_LICENSE": "x", "REDIS_HOST": "x", "PATH": "x"}

    seclude(environ)

    assert {"DATABASE_URL", "LITELLM_LICENSE", "REDIS_HOST"}.isdisjoint(environ)
    assert environ["PATH"] == "x"
    assert environ["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"


def _attempts(files: Iterable[Path]) -> list[ChainAttempt]:
    return [row for path in files for row in rows(path) if isinstance(row, ChainAttempt)]
