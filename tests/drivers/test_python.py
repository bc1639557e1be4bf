"""The driver `python`: where a function is found, how it is called, and what its mistakes come to."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from harness.chain import Chain, load
from harness.chain.redact import redact, secrets
from harness.drivers.environment import LIVE, HostEnvironment
from harness.drivers.python.host import enter
from harness.drivers.recorder import Recorder, forget
from harness.drivers.server import InProcessChain
from harness.errors import UsageError

FILE = """\
name: ours
driver: python
target: {target}
{more}
providers:
  openai: {{dialect: openai, model: gpt-4o}}
  anthropic: {{dialect: anthropic, model: claude-sonnet-4}}
order: [openai, anthropic]
"""
BASE_URLS = {"openai": "http://127.0.0.1:1", "anthropic": "http://127.0.0.1:2"}
MESSAGES = [{"role": "user", "content": "hi"}]


def chain(
    folder: Path, code: str, *, target: str = "our_llm:answer", more: str = "", module: str = "our_llm.py"
) -> Chain:
    """Write an application and its chain file, and load it."""
    path = folder / module
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code)
    (folder / "chain.yaml").write_text(FILE.format(target=target, more=more))
    return load(folder / "chain.yaml")


def hosted(chain: Chain, ask: Any, environment: HostEnvironment = LIVE) -> Any:
    """Host a chain while an asynchronous function works with it, and return what that returns."""

    async def story() -> Any:
        recorder = Recorder(chain.providers, BASE_URLS, forget)
        async with enter(chain, BASE_URLS, recorder, environment) as inside:
            return await ask(inside)

    return asyncio.run(story())


async def pieces(inside: InProcessChain, *, stream: bool = False) -> list[dict[str, Any]]:
    """Ask once, and return the answer's JSON: one object, or one for each chunk."""
    async with aclosing(inside.ask("chat", {"model": inside.model, "messages": MESSAGES, "stream": stream})) as texts:
        return [json.loads(text) async for text in texts]  # type: ignore[arg-type]


async def text(inside: InProcessChain, *, stream: bool = False) -> str:
    """Ask once, and return the text of the answer."""
    found = await pieces(inside, stream=stream)
    parts = [choice.get("delta") or choice.get("message") for each in found for choice in each["choices"]]
    return "".join(part.get("content") or "" for part in parts if part)


async def plain(inside: InProcessChain) -> str:
    """Ask for a plain answer."""
    return await text(inside)


async def stream(inside: InProcessChain) -> str:
    """Ask for a stream."""
    return await text(inside, stream=True)


async def failure(inside: InProcessChain) -> tuple[int, dict[str, Any]]:
    """Ask, and return the caller's error."""
    try:
        await text(inside)
    except Exception as error:
        status, payload = inside.explain(error)
        return status, payload["error"]
    raise AssertionError("it answered")


ANSWERS = {
    "text": "async def answer(messages, *, model):\n    return 'hello ' + model",
    "text of a thread": "def answer(messages, *, model):\n    return 'hello ' + model",
    "pieces": "async def answer(messages, *, model):\n    yield 'hello '\n    yield model",
    "pieces of a thread": "def answer(messages, *, model):\n    yield 'hello '\n    yield model",
    "an iterator to wait for": (
        "async def answer(messages, *, model):\n"
        "    async def pieces():\n        yield 'hello '\n        yield model\n"
        "    return pieces()"
    ),
    "an object": (
        "from openai.types.chat import ChatCompletion\n"
        "async def answer(messages, **options):\n"
        "    message = {'role': 'assistant', 'content': 'hello ' + options['model']}\n"
        "    choice = {'index': 0, 'message': message, 'finish_reason': 'stop'}\n"
        "    return ChatCompletion(id='1', object='chat.completion', created=1, model='m', choices=[choice])"
    ),
    "chunks": (
        "from openai.types.chat import ChatCompletionChunk\n"
        "async def answer(messages, *, model):\n"
        "    for text in ('hello ', model):\n"
        "        choice = {'index': 0, 'delta': {'content': text}}\n"
        "        yield ChatCompletionChunk(id='1', object='chat.completion.chunk', created=1, model='m', choices=[choice])"
    ),
    "a dictionary": (
        "async def answer(messages, *, model):\n"
        "    return {'choices': [{'index': 0, 'message': {'content': 'hello ' + model}, 'finish_reason': 'stop'}]}"
    ),
    "what a call returns": (
        "class Answer:\n    async def __call__(self, messages, *, model):\n        return 'hello ' + model\nanswer = Answer()"
    ),
}


@pytest.mark.parametrize("code", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("ask", [plain, stream])
def test_whatever_it_returns_is_an_answer(code: str, ask: Any, tmp_path: Path) -> None:
    """Text, an OpenAI-shaped object, or an iterator of pieces, whether the caller asked for a stream or not."""
    assert hosted(chain(tmp_path, code), ask) == "hello gpt-4o"


def test_a_stream_is_passed_on_piece_by_piece(tmp_path: Path) -> None:
    """Each piece is a chunk, and text ends with a reason; an answer that came at once keeps its usage."""
    made = chain(tmp_path, ANSWERS["pieces"])
    chunks = hosted(made, lambda inside: pieces(inside, stream=True))
    assert [chunk["object"] for chunk in chunks] == ["chat.completion.chunk"] * 3
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, "stop"]
    whole = "async def answer(messages, *, model):\n    return {'choices': [{'message': {'content': 'x'}}], 'usage': {'a': 1}}"
    chunks = hosted(chain(tmp_path, whole), lambda inside: pieces(inside, stream=True))
    assert [chunk.get("usage") for chunk in chunks] == [None, {"a": 1}]


def test_it_gets_stream_only_if_it_takes_it(tmp_path: Path) -> None:
    """By name, or with all other options."""
    for signature in ("messages, *, model, stream", "messages, **options"):
        code = f"async def answer({signature}):\n    return str(locals().get('stream', locals().get('options')))"
        assert "True" in hosted(chain(tmp_path, code), stream)
    assert hosted(chain(tmp_path, "async def answer(messages, model):\n    return str(sorted(locals()))"), stream) == (
        "['messages', 'model']"
    )


def test_an_iterator_is_closed_when_the_caller_leaves(tmp_path: Path) -> None:
    """The chain's work ends there."""
    code = (
        "CLOSED = []\n"
        "async def answer(messages, *, model):\n"
        "    try:\n        yield 'one'\n        yield 'two'\n"
        "    finally:\n        CLOSED.append(1)"
    )

    async def leave(inside: InProcessChain) -> int:
        async with aclosing(inside.ask("chat", {"model": "m", "messages": MESSAGES, "stream": True})) as texts:
            await anext(texts)
        return len(sys.modules["our_llm"].CLOSED)

    assert hosted(chain(tmp_path, code), leave) == 1


def test_a_thread_at_work_in_an_iterator_does_not_hold_up_who_leaves(tmp_path: Path) -> None:
    """The caller is gone at once, and whatever the thread does next is nobody's."""
    code = (
        "import threading\nSTARTED, GO = threading.Event(), threading.Event()\n"
        "def answer(messages, *, model):\n    yield 'one'\n    STARTED.set()\n    GO.wait(60)\n    yield 'two'"
    )

    async def leave(inside: InProcessChain) -> bool:
        module = sys.modules["our_llm"]
        texts = inside.ask("chat", {"model": "m", "messages": MESSAGES, "stream": True})
        await anext(texts)
        second = asyncio.ensure_future(anext(texts))  # type: ignore[arg-type]
        await asyncio.to_thread(module.STARTED.wait)
        second.cancel()
        await asyncio.wait([second])
        module.GO.set()
        return second.cancelled()

    assert hosted(chain(tmp_path, code), leave)


@pytest.mark.parametrize("where", ["chains/", "deploy/chains/", ""])
def test_it_is_found_beside_the_chain_file_or_above_it(where: str, tmp_path: Path) -> None:
    """The nearest folder that holds the package counts."""
    (tmp_path / "our_app").mkdir()
    (tmp_path / "our_app" / "llm.py").write_text(ANSWERS["text"])
    path = tmp_path / where / "chain.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(FILE.format(target="our_app.llm:answer", more=""))
    made = load(path)
    assert made.folder == str(tmp_path)
    assert hosted(made, plain) == "hello gpt-4o"
    assert redact(made).folder is None


def test_its_variables_are_set_before_it_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses, references, dummies for the usual keys, and no proxy; afterwards all is as it was."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-real-real-real")
    monkeypatch.setenv("https_proxy", "http://proxy")
    monkeypatch.setenv("OUR_KEY", "from-outside-1")
    code = (
        "import os\nSEEN = [os.environ.get(name) for name in\n"
        "  ('OPENAI_BASE_URL', 'PLAIN', 'COPIED_KEY', 'UNSET', 'OPENAI_API_KEY', 'ANTHROPIC_API_KEY', 'https_proxy')]\n"
        "async def answer(messages, *, model):\n    return str(SEEN)"
    )
    env = (
        'env: {OPENAI_BASE_URL: "{openai.base_url}/v1", PLAIN: yes, COPIED_KEY: env/OUR_KEY, UNSET: env/NOBODY_SETS_IT}'
    )
    made = chain(tmp_path, code, more=env.replace("yes", '"yes"'))
    before, path = dict(os.environ), list(sys.path)
    dummy = "sk-no-key"
    assert hosted(made, plain) == str(["http://127.0.0.1:1/v1", "yes", "from-outside-1", None, dummy, dummy, None])
    assert (dict(os.environ), sys.path) == (before, path)
    assert "our_llm" not in sys.modules
    assert "from-outside-1" in secrets(made, os.environ)
    assert redact(made).env["COPIED_KEY"] == "env/OUR_KEY"


def test_it_is_imported_afresh_each_time(tmp_path: Path) -> None:
    """Also its neighbours, and a module of the same name that somebody else had imported is there again."""
    (tmp_path / "our_neighbour.py").write_text("COUNT = [0]")
    code = (
        "from our_neighbour import COUNT\nCOUNT[0] += 1\n"
        "async def answer(messages, *, model):\n    return str(COUNT[0])"
    )
    made = chain(tmp_path, code)
    other = type(sys)("our_llm")
    sys.modules["our_llm"] = other
    try:
        assert [hosted(made, plain), hosted(made, plain)] == ["1", "1"]
        assert sys.modules["our_llm"] is other
    finally:
        del sys.modules["our_llm"]


@pytest.mark.parametrize("setup", ["async def build():", "def build():"])
def test_it_is_set_up_once_before_the_first_request(setup: str, tmp_path: Path) -> None:
    """By a function that may be asynchronous."""
    code = (
        f"READY = []\n{setup}\n    READY.append(1)\nasync def answer(messages, *, model):\n    return str(len(READY))"
    )

    async def twice(inside: InProcessChain) -> list[str]:
        return [await text(inside), await text(inside)]

    assert hosted(chain(tmp_path, code, more="setup: our_llm:build"), twice) == ["1", "1"]


ANSWER = "\nasync def answer(messages, *, model):\n    return 'x'"
BROKEN = {
    "no module": ("", "no_llm:answer", "no_llm cannot be imported: ModuleNotFoundError: No module named 'no_llm'"),
    "no library": ("import no_such_library", "our_llm:answer", "No module named 'no_such_library'"),
    "raises": (
        "raise RuntimeError('no database')",
        "our_llm:answer",
        "our_llm cannot be imported: RuntimeError: no database, in our_llm.py:1",
    ),
    "syntax": ("def answer(:", "our_llm:answer", "our_llm cannot be imported: SyntaxError"),
    "exits": ("import sys\nsys.exit(3)", "our_llm:answer", "our_llm called sys.exit(3) when it was imported"),
    "no name": (ANSWER, "our_llm:reply", "our_llm has no 'reply'"),
    "no function": ("answer = 'x'", "our_llm:answer", "our_llm:answer is no function, but of type str"),
    "wrong arguments": (
        "async def answer(question):\n    pass",
        "our_llm:answer",
        "cannot be called with messages and model",
    ),
    "no place": (ANSWER, "our_llm.answer", "expected the place of a function, found 'our_llm.answer'"),
}


@pytest.mark.parametrize(("code", "target", "problem"), BROKEN.values(), ids=BROKEN)
def test_a_target_that_cannot_be_had_is_named(code: str, target: str, problem: str, tmp_path: Path) -> None:
    """In one sentence, and without a traceback."""
    with pytest.raises(UsageError) as caught:
        hosted(chain(tmp_path, code, target=target), plain)
    assert problem in caught.value.problem
    assert "target" in str(caught.value.where)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("raise RuntimeError('no database')", "our_llm:build failed: RuntimeError: no database, in our_llm.py:2"),
        ("raise SystemExit(2)", "our_llm:build called sys.exit(2)"),
    ],
)
def test_a_setup_that_fails_is_named(line: str, problem: str, tmp_path: Path) -> None:
    """Before anything is asked."""
    with pytest.raises(UsageError, match="our_llm:build") as caught:
        hosted(chain(tmp_path, f"def build():\n    {line}{ANSWER}", more="setup: our_llm:build"), plain)
    assert caught.value.problem == problem


def test_unknown_providers_in_its_variables_are_refused(tmp_path: Path) -> None:
    """With the name that was meant."""
    with pytest.raises(UsageError, match="unknown provider 'opena'") as caught:
        chain(tmp_path, ANSWER, more='env: {A: "{opena.base_url}/v1"}')
    assert "openai" in str(caught.value.hint)


def test_a_target_is_required(tmp_path: Path) -> None:
    """And goes with no other driver."""
    written = FILE.format(target="a:b", more="")
    for wrong in (written.replace("target: a:b\n", ""), written.replace("driver: python", "driver: reference")):
        (tmp_path / "chain.yaml").write_text(wrong)
        with pytest.raises(UsageError, match="`target:` goes with `driver: python`"):
            load(tmp_path / "chain.yaml")


FAILURES = {
    "its own status": (
        "class Busy(Exception):\n    status_code = 429\nasync def answer(messages, *, model):\n    raise Busy('slow down')",
        (429, "Busy", "slow down"),
    ),
    "no status": ("async def answer(messages, *, model):\n    raise ValueError", (500, "ValueError", "ValueError")),
    "odd status": (
        "class Odd(Exception):\n    status_code = 200\nasync def answer(messages, *, model):\n    raise Odd('x')",
        (500, "Odd", "x"),
    ),
    "a secret": (
        "async def answer(messages, *, model):\n    raise ValueError('bad key sk-planted-0123456789')",
        (500, "ValueError", "bad key (hidden)"),
    ),
    "exits": (
        "import sys\nasync def answer(messages, *, model):\n    sys.exit(1)",
        (500, "CalledExitError", "our_llm:answer called sys.exit(1)"),
    ),
    "exits in a thread": (
        "import sys\ndef answer(messages, *, model):\n    sys.exit(1)",
        (500, "CalledExitError", "our_llm:answer called sys.exit(1)"),
    ),
    "nothing": (
        "async def answer(messages, *, model):\n    return None",
        (500, "NoAnswerError", "expected text, an OpenAI-shaped answer or an iterator of pieces, got NoneType"),
    ),
    "another object": (
        "async def answer(messages, *, model):\n    return {'text': 'x'}",
        (500, "NoAnswerError", "expected text, an OpenAI-shaped answer or an iterator of pieces, got dict"),
    ),
}


@pytest.mark.parametrize(("code", "expected"), FAILURES.values(), ids=FAILURES)
def test_its_failure_is_the_callers_error(code: str, expected: tuple[int, str, str], tmp_path: Path) -> None:
    """Its status or 500, its type and its message, without secrets."""
    status, error = hosted(chain(tmp_path, code), failure)
    assert (status, error["type"], error["message"]) == expected


def test_what_it_prints_goes_to_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output belongs to the harness's own messages."""
    code = "print('importing')\nasync def answer(messages, *, model):\n    print('answering')\n    return 'x'"
    assert hosted(chain(tmp_path, code), plain) == "x"
    out, err = capsys.readouterr()
    assert (out, err) == ("", "importing\nanswering\n")


CALLS = {
    "a connection": "socket.create_connection(('127.0.0.2', 9), timeout=1)",
    "a name": "socket.create_connection(('api.openai.com', 443), timeout=1)",
    "a library": "httpx.get('https://api.openai.com/v1/models')",
}


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_calls_to_other_addresses_are_stopped(
    kind: str, call: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever makes them, in a thread or not; they are named, and afterwards everything may be called again."""
    code = f"import socket, httpx\n{kind} answer(messages, *, model):\n    {call}\n    return 'x'"
    _status, error = hosted(chain(tmp_path, code), failure)
    assert "none of the chain's providers" in error["message"]
    assert any(host in caplog.text for host in ("127.0.0.2", "api.openai.com"))
    with socket.socket() as listener, socket.socket() as client:
        listener.bind(("127.0.0.2", 0))
        listener.listen()
        client.connect(listener.getsockname())
