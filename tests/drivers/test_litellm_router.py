"""The real Router in the real child process, in front of mocked providers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.chain import Chain, Provider, Retry
from harness.chain.litellm_config import chain
from harness.document import parse
from harness.provider.kinds import Api
from tests.drivers.hosted import Hosted, events, hosted, text_of
from tests.drivers.providers import CALL, TOOL, WORDS, Mock, refused_port

pytestmark = pytest.mark.system

CLAUDE = "claude-3-5-sonnet-20241022"
TEXT = "".join(WORDS)
CHAIN = Chain(
    name="three",
    driver="litellm-router",
    providers={
        "openai": Provider(dialect="openai", model="gpt-4"),
        "azure": Provider(dialect="azure", model="gpt-4"),
        "anthropic": Provider(dialect="anthropic", model=CLAUDE),
        "gemini": Provider(dialect="gemini", model="gemini-2.5-flash"),
        "openrouter": Provider(dialect="openrouter", model="openai/gpt-4"),
        "deepseek": Provider(dialect="deepseek", model="deepseek-chat"),
        "gone": Provider(dialect="openai", model="gpt-4"),
        "gone-too": Provider(dialect="anthropic", model=CLAUDE),
    },
    order=("openai", "azure", "anthropic", "gemini", "openrouter", "deepseek"),
    retry=Retry(attempts=2, backoff="exponential", on=("rate_limit", "server_error", "timeout", "connection")),
    timeout=1_000_000_000,
)
PATHS = {
    "openai": "/v1/chat/completions",
    "azure": "/openai/deployments/gpt-4/chat/completions",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/gemini-2.5-flash:generateContent",
    "openrouter": "/api/v1/chat/completions",
    "deepseek": "/chat/completions",
}


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("stream", [False, True])
def test_every_dialect_is_recorded(child: Hosted, request_id: str, name: str, stream: bool) -> None:
    """Plain and streamed attempts of all dialects pass the recorder, and their keys reach the provider."""
    answer = child.ask(request_id, model=child.address.addressable[name], stream=stream)

    assert answer.status_code == 200
    assert text_of(answer, stream=stream) == TEXT
    assert not stream or events(answer)[-1] == "[DONE]"
    (attempt,) = child.attempts(request_id, 1)
    assert (attempt.provider, attempt.outcome, attempt.status, attempt.error) == (name, "ok", 200, None)
    assert child.mocks[name].keys == [attempt.key]
    path = PATHS[name].replace(":generate", ":streamGenerate" if stream else ":generate")
    assert child.mocks[name].paths == [path]
    assert attempt.first_byte_ns is not None
    assert attempt.end_ns is not None
    assert attempt.start_ns <= attempt.first_byte_ns <= attempt.end_ns


FORMS: tuple[tuple[Api, str, str], ...] = (
    ("embeddings", "openai", "/v1/embeddings"),
    ("responses", "openai", "/v1/responses"),
    ("messages", "anthropic", "/v1/messages"),
)


@pytest.mark.parametrize(("api", "name", "path"), FORMS)
@pytest.mark.parametrize("stream", [False, True])
def test_every_form_has_its_address(
    child: Hosted, request_id: str, api: Api, name: str, path: str, stream: bool
) -> None:
    """Embeddings, responses and messages are answered and recorded; streams have events with names."""
    streams = stream and api != "embeddings"
    answer = child.post(api, request_id, model=name, stream=streams)

    assert answer.status_code == 200
    assert child.tried(request_id, 1) == [(name, "ok")]
    assert child.mocks[name].paths == [path]
    if streams:
        assert answer.headers["content-type"].startswith("text/event-stream")
        names = re.findall(r"^event: (.+)$", answer.text, re.MULTILINE)
        assert names[-1] in ("response.completed", "message_stop")
        assert [json.loads(data)["type"] for data in events(answer)] == names
    elif api == "embeddings":
        assert [each["embedding"] for each in answer.json()["data"]] == [[0.5, 0.0], [0.5, 1 / 64]]


@pytest.mark.parametrize("stream", [False, True])
def test_calls_of_tools_pass_through(child: Hosted, request_id: str, stream: bool) -> None:
    """Their ids, names and arguments are the provider's."""
    answer = child.ask(request_id, stream=stream, tools=[TOOL])

    chunks = [json.loads(data) for data in events(answer) if data != "[DONE]"] if stream else [answer.json()]
    found = [choice.get("delta") or choice.get("message", {}) for chunk in chunks for choice in chunk["choices"]]
    calls = [call for each in found for call in each.get("tool_calls") or ()]
    assert calls[0]["id"] == CALL["id"]
    assert "".join(call["function"]["arguments"] for call in calls) == '{"city":"Paris"}'


def test_a_bad_request_falls_back_at_once(child: Hosted, request_id: str) -> None:
    """A 400 is tried once, then the next provider serves."""
    child.mocks["openai"].act = "400"

    assert child.ask(request_id).status_code == 200

    tried = [(row.provider, row.outcome, row.status) for row in child.attempts(request_id, 2)]
    assert tried == [("openai", "status", 400), ("azure", "ok", 200)]


@pytest.mark.parametrize(("act", "outcome"), [("503", "status"), ("reset", "reset"), ("hang", "timeout")])
def test_a_failing_provider_is_tried_as_often_as_the_chain_asks(
    child: Hosted, request_id: str, act: str, outcome: str
) -> None:
    """`attempts: 2` is two tries at the first provider, then the next one serves."""
    child.mocks["openai"].act = act

    assert child.ask(request_id).status_code == 200

    assert child.tried(request_id, 3) == [("openai", outcome), ("openai", outcome), ("azure", "ok")]
    assert len(child.mocks["openai"].keys) == 2


@pytest.mark.parametrize("name", ["gemini", "openrouter", "deepseek"])
def test_a_rate_limit_is_one_in_every_dialect(child: Hosted, request_id: str, name: str) -> None:
    """LiteLLM reads each provider's 429 as what it is: it tries again, and the caller gets a 429."""
    child.mocks[name].act = "429"

    assert child.ask(request_id, model=name).status_code == 429

    assert [(row.provider, row.status) for row in child.attempts(request_id, 2)] == [(name, 429)] * 2


@pytest.mark.parametrize(("name", "sends"), [("gone", 1), ("gone-too", 2)])
def test_a_refused_connection_is_seen_here_alone(child: Hosted, request_id: str, name: str, sends: int) -> None:
    """Only the chain's transport records a refusal; LiteLLM sends Anthropic's calls twice per attempt."""
    answer = child.ask(request_id, model=name)

    assert answer.status_code == 500
    rows = child.attempts(request_id, 2 * sends)
    assert [(row.provider, row.outcome, row.status) for row in rows] == [(name, "refused", None)] * 2 * sends
    assert {row.error for row in rows} == {"Connection refused"}


def test_a_stream_that_breaks_is_an_error_event(child: Hosted, request_id: str) -> None:
    """After the first token the status is gone: the caller gets an error event and no [DONE], as from the proxy."""
    child.mocks["openai"].act = "cut"

    answer = child.ask(request_id, stream=True)

    assert answer.status_code == 200
    last = json.loads(events(answer)[-1])
    assert set(last["error"]) == {"message", "type", "param", "code"}
    (attempt,) = child.attempts(request_id, 1)
    assert (attempt.outcome, attempt.status) == ("cut", 200)


@pytest.mark.parametrize("stream", [False, True])
def test_when_all_fail_the_caller_gets_the_last_error(child: Hosted, request_id: str, stream: bool) -> None:
    """The answer has the failure's status and OpenAI's shape."""
    for name in PATHS:
        child.mocks[name].act = "400"

    answer = child.ask(request_id, stream=stream)

    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert answer.json()["error"]["code"] == "400"
    assert [row.provider for row in child.attempts(request_id, len(PATHS))] == list(PATHS)


@pytest.mark.parametrize(("act", "stream"), [("hang", False), ("stall", True)])
def test_a_caller_who_leaves_ends_the_attempt(child: Hosted, request_id: str, act: str, stream: bool) -> None:
    """The host cancels the Router's task, which closes the connection to the provider."""
    mock = child.mocks["openai"]
    mock.act = act
    assert child.left(request_id, "openai", stream=stream) == "client_left"
    assert len(mock.keys) == 1


def test_a_call_to_a_stranger_is_stopped(child: Hosted, request_id: str) -> None:
    """Whatever a configuration or a caller asks for, only the chain's providers are called."""
    stranger = refused_port()

    answer = child.ask(request_id, api_base=stranger, num_retries=0)

    assert "none of the chain's providers, was stopped" in child.errors.read_text()
    assert answer.status_code >= 400


def test_the_host_lists_its_models(child: Hosted) -> None:
    """`GET /v1/models` names what a caller may ask for."""
    listed = child.client.get(f"{child.address.base_url}/models").json()["data"]

    assert [model["id"] for model in listed] == sorted(CHAIN.providers)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"model": "openai"}', b"\xff"])
def test_nonsense_is_a_bad_request(child: Hosted, body: bytes) -> None:
    """A body without model and messages is a 400 in OpenAI's shape."""
    answer = child.client.post(child.url, content=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_planted_key_shows_nowhere(tmp_path: Path) -> None:
    """A configuration's key reaches its providers, and no answer, log, capture or process list.

    One model is an old one that LiteLLM's list has forgotten: the name still says whose it is, so it is hosted too.
    """
    planted = "sk-planted-0123456789abcdef"
    ranked = litellm(
        {"model": CLAUDE, "api_key": planted, "order": 2}, {"model": "gpt-4o", "api_key": planted, "order": 1}
    )
    mocks = {name: Mock(act="401") for name in ranked.providers}
    with hosted(ranked, tmp_path, mocks) as child:
        answer = child.ask("req-000001")
        tried = [row.provider for row in child.attempts("req-000001", 2)]
        command = Path(f"/proc/{child.process.pid}/cmdline")
        argv = command.read_bytes() if command.exists() else b""

    assert answer.status_code == 401
    assert "scripted" in answer.text
    assert tried == list(ranked.order) == ["mine-2", "mine"]
    assert mocks["mine"].paths == ["/v1/messages"]
    assert [mocks[name].credentials for name in tried] == [[f"Bearer {planted}"], [planted]]
    assert [CLAUDE in warning for warning in child.address.warnings] == [True]
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"req-000001" in written
    for place in (answer.content, argv, written, repr(child.address).encode()):
        assert planted.encode() not in place


def test_a_model_that_litellm_does_not_know_ends_the_host(tmp_path: Path) -> None:
    """A mocked provider that LiteLLM would call in another wire format is a mistake, reported in one line."""
    unknown = litellm({"model": "mine", "api_key": "sk-mine-012345"})
    with pytest.raises(AssertionError, match="write openai/mine"), hosted(unknown, tmp_path, {"mine": Mock()}):
        pass


def litellm(*params: dict[str, object]) -> Chain:
    """Return the chain of a configuration with one group, `mine`, and no retries."""
    listed = [{"model_name": "mine", "litellm_params": each} for each in params]
    config = {"model_list": listed, "router_settings": {"num_retries": 0}}
    return chain(parse(json.dumps(config).encode(), Path("litellm.yaml")), {})


def test_a_file_of_settings_beside_the_packages_is_not_read(tmp_path: Path) -> None:
    """LiteLLM looks for a `.env` upwards from itself: in a project with its own .venv it would find the project's."""
    spec = find_spec("litellm")
    assert spec is not None
    assert spec.origin is not None
    (tmp_path / "litellm").symlink_to(Path(spec.origin).parent)
    (tmp_path / ".env").write_text("DATABASE_URL=postgresql://production\n")
    program = tmp_path / "program.py"
    program.write_text(
        "import os\n"
        "from harness.drivers.litellm_proxy.worker import seclude\n"
        "from harness.drivers.litellm_router.__main__ import preload\n"
        "seclude(os.environ)\n"
        "preload()\n"
        "import litellm\n"
        "print(litellm.__file__, 'DATABASE_URL' in os.environ)\n"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    environ.pop("LITELLM_MODE", None)
    done = subprocess.run([sys.executable, str(program)], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [f"{tmp_path}/litellm/__init__.py", "False"]
