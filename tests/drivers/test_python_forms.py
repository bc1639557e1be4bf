"""The driver `python` calls a function for tools and embeddings if its signature takes them."""

from __future__ import annotations

import json
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from harness import sim
from harness.drivers.server import InProcessChain
from harness.errors import UsageError
from harness.experiment.prepare import load
from harness.provider.kinds import Api
from tests.drivers.test_python import MESSAGES, chain, hosted

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}}
HEAD = "async def answer(messages, *, model, tools=None, stream=False):\n"
PLAIN = (
    HEAD + "    call = {'id': 'c1', 'type': 'function', 'function': {'name': tools[0]['function']['name'],\n"
    "            'arguments': '{\"city\":\"Paris\"}'}}\n"
    "    message = {'role': 'assistant', 'content': None, 'tool_calls': [call]}\n"
    "    return {'choices': [{'index': 0, 'message': message, 'finish_reason': 'tool_calls'}]}"
)
PIECES = (
    HEAD + "    async def pieces():\n"
    "        begin = {'index': 0, 'id': 'c1', 'type': 'function', 'function': {'name': 'weather', 'arguments': ''}}\n"
    "        for call in (begin, *({'index': 0, 'function': {'arguments': a}} for a in ('{\"city\":', '\"Paris\"}'))):\n"
    "            yield {'choices': [{'index': 0, 'delta': {'tool_calls': [call]}, 'finish_reason': None}]}\n"
    "        yield {'choices': [{'index': 0, 'delta': {}, 'finish_reason': 'tool_calls'}]}\n"
    "    return pieces()"
)


def asking(api: Api, **body: Any) -> Any:
    """Return what asks a chain once, and returns the JSON of the answer or of its chunks."""

    async def ask(inside: InProcessChain) -> list[dict[str, Any]]:
        async with aclosing(inside.ask(api, {"model": inside.model, **body})) as texts:
            return [json.loads(text) async for text in texts if isinstance(text, str)]

    return ask


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("code", [PLAIN, PIECES], ids=["at once", "in pieces"])
def test_calls_of_tools_are_passed_on(tmp_path: Path, code: str, stream: bool) -> None:
    """Whole to a caller who wants no stream, in numbered pieces to one who does, whatever the function returns."""
    found = hosted(chain(tmp_path, code), asking("chat", messages=MESSAGES, tools=[TOOL], stream=stream))

    if not stream:
        (answer,) = found
        assert answer["choices"][0]["message"]["tool_calls"] == [CALL]
        assert answer["choices"][0]["finish_reason"] == "tool_calls"
        return
    calls = [call for each in found for call in each["choices"][0]["delta"].get("tool_calls", ())]
    assert {call["index"] for call in calls} == {0}
    assert calls[0]["id"] == "c1"
    assert "".join(call["function"].get("arguments", "") for call in calls) == '{"city":"Paris"}'
    assert found[-1]["choices"][0]["finish_reason"] == "tool_calls"


VECTORS = {
    "lists": "async def embed(input, *, model):\n    return [[0.5, len(text)] for text in input]",
    "an object": (
        "async def embed(*, input, model):\n"
        "    data = [{'object': 'embedding', 'index': i, 'embedding': [0.5, len(t)]} for i, t in enumerate(input)]\n"
        "    return {'object': 'list', 'data': data, 'model': model}"
    ),
    "an array": (
        "import numpy\nasync def embed(input, *, model):\n    return numpy.array([[0.5, len(text)] for text in input])"
    ),
    "the SDK's": (
        "from openai.types import CreateEmbeddingResponse\n"
        "async def embed(input, **options):\n"
        "    data = [{'object': 'embedding', 'index': i, 'embedding': [0.5, len(t)]} for i, t in enumerate(input)]\n"
        "    usage = {'prompt_tokens': 1, 'total_tokens': 1}\n"
        "    return CreateEmbeddingResponse(object='list', data=data, model='m', usage=usage)"
    ),
}


@pytest.mark.parametrize("code", VECTORS.values(), ids=VECTORS)
def test_vectors_are_passed_on(tmp_path: Path, code: str) -> None:
    """As lists of numbers, or as OpenAI's SDK has them."""
    (found,) = hosted(chain(tmp_path, code, target="our_llm:embed"), asking("embeddings", input=["a", "bc"]))
    assert found["object"] == "list"
    assert [each["embedding"] for each in found["data"]] == [[0.5, 1.0], [0.5, 2.0]]


@pytest.mark.parametrize("made", ["'text'", "[1, 2]", "[['a']]", "None"])
def test_what_is_no_vector_is_the_callers_error(tmp_path: Path, made: str) -> None:
    """It is named by its type."""
    code = f"async def embed(input, *, model):\n    return {made}"
    with pytest.raises(TypeError, match="expected a list of vectors or OpenAI-shaped embeddings, got"):
        hosted(chain(tmp_path, code, target="our_llm:embed"), asking("embeddings", input="a"))


LACKING = {
    "async def answer(messages, *, model): return ''": {"tools", "conversation", "embeddings"},
    "async def answer(messages, *, model, tools=None): return ''": {"embeddings"},
    "async def answer(messages, *, model, tools, stream): return ''": {"chat", "embeddings"},
    "async def answer(messages, **options): return ''": {"embeddings"},
    "async def answer(*, input, model): return []": {"chat", "tools", "conversation"},
    "async def answer(messages=(), *, model, input=None, tools=None): return ''": set(),
}


@pytest.mark.parametrize(("code", "kinds"), LACKING.items())
def test_the_signature_says_what_a_function_takes(tmp_path: Path, code: str, kinds: set[str]) -> None:
    """`tools` for tools and conversations, `input` for embeddings."""

    async def lacking(inside: InProcessChain) -> set[str]:
        return set(inside.lacking)

    assert hosted(chain(tmp_path, code), lacking) == kinds


SCENARIO = """\
name: ours
chain: chain.yaml
load: {rate: 2/s, mix: [{share: 50%, kind: chat}, {share: 50%, kind: tools}]}
phases: {steady: 2s}
faults: []
expect: [success_rate >= 50%]
"""


def test_a_run_with_requests_that_it_does_not_take_does_not_begin(tmp_path: Path) -> None:
    """`check` imports nothing, so it cannot know."""
    chain(tmp_path, "async def answer(messages, *, model): return ''")
    (tmp_path / "scenario.yaml").write_text(SCENARIO)
    loaded = load(tmp_path / "scenario.yaml")
    with pytest.raises(UsageError, match="cannot carry tools: our_llm:answer takes no `tools`"):
        sim.run(loaded.plan, loaded.chain)
