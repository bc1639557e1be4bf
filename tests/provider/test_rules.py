"""What a mock refuses in a conversation, in its vendor's words, and what it does not."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import completion_create_params
from openai.types.responses import response_create_params

from harness.chain import Provider
from harness.provider.answer import Answer, Call
from harness.provider.dialects import DIALECTS, rules
from harness.provider.respond import parse, respond
from tests.provider.exchange import ATTEMPT, WAYS, body, dialect_of, head, message_of, provider, said
from tests.provider.test_histories import HISTORY, WEATHER

MISTRAL = Provider(dialect="openai-compatible", vendor="mistral", model="m")


def asked(spec: Provider, path: str, **fields: Any) -> tuple[Call, Answer]:
    """Return a call and what a provider answers to it."""
    call = parse(spec, "POST", path, json.dumps(fields).encode())
    return call, respond(spec, call, ATTEMPT)


def chat(*messages: Any, dialect: str = "openai", **fields: Any) -> Answer:
    """Return what a provider answers to a conversation in OpenAI's format."""
    return asked(provider(dialect), WAYS[dialect], model="m", messages=list(messages), **fields)[1]


def status(answer: Answer) -> int:
    """Return the status of an answer."""
    return head(answer).status


def calling(*names: str, role: str = "assistant") -> dict[str, Any]:
    """Return a message of the model's that calls tools."""
    calls = [{"id": name, "type": "function", "function": {"name": "now", "arguments": "{}"}} for name in names]
    return {"role": role, "content": None, "tool_calls": calls}


def result(name: str) -> dict[str, Any]:
    """Return a tool's result."""
    return {"role": "tool", "tool_call_id": name, "content": "1"}


USER = {"role": "user", "content": "?"}
MISSING = "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'."

OPENAI: list[tuple[list[Any], str, str | None, str | None]] = [
    (
        [USER, calling(""), result("")],
        (
            "Invalid 'messages[1].tool_calls[0].id': empty string. Expected a string with minimum length 1, "
            "but got an empty string instead."
        ),
        "messages[1].tool_calls[0].id",
        "empty_string",
    ),
    (
        [USER, calling("c1", "x" * 41), result("c1"), result("x" * 41)],
        (
            "Invalid 'messages[1].tool_calls[1].id': string too long. Expected a string with maximum length 40, "
            "but got a string with length 41 instead."
        ),
        "messages[1].tool_calls[1].id",
        "string_above_max_length",
    ),
    (
        [USER, result("c1")],
        "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
        "messages.[1].role",
        None,
    ),
    (
        [USER, calling("c1", "c2"), result("c1"), USER],
        f"{MISSING} The following tool_call_ids did not have response messages: c2",
        "messages.[3].role",
        None,
    ),
    (
        [USER, calling("c1")],
        f"{MISSING} The following tool_call_ids did not have response messages: c1",
        "messages.[2].role",
        None,
    ),
    (
        [USER, calling("c1"), result("c1"), USER, result("c1")],
        "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
        "messages.[4].role",
        None,
    ),
    (
        [USER, calling("c1"), result("c2")],
        "Invalid parameter: 'tool_call_id' of 'c2' not found in 'tool_calls' of previous message.",
        "messages.[2].tool_call_id",
        None,
    ),
    (
        [{"content": "x"}],
        "Missing required parameter: 'messages[0].role'.",
        "messages[0].role",
        "missing_required_parameter",
    ),
    (
        [{"role": "model", "content": "x"}],
        "Invalid value: 'model'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.",
        "messages[0].role",
        "invalid_value",
    ),
]


@pytest.mark.parametrize("dialect", ["openai", "azure"])
@pytest.mark.parametrize(("messages", "message", "param", "code"), OPENAI)
def test_openai(dialect: str, messages: list[Any], message: str, param: str | None, code: str | None) -> None:
    """Each `tool` message answers a call by its id, and each call is answered before anything else."""
    answer = chat(*messages, dialect=dialect)
    assert status(answer) == 400
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    assert said(answer)["error"] == error
    assert answer.error_code == (code or "invalid_request_error")


@pytest.mark.parametrize("dialect", ["openai", "azure"])
def test_openai_knows_its_fields(dialect: str) -> None:
    """A field of another vendor's is refused by its name."""
    answer = chat(USER, dialect=dialect, top_k=3, thinking={})
    assert (status(answer), message_of(answer)) == (400, "Unrecognized request arguments supplied: top_k, thinking")
    assert message_of(chat(USER, dialect=dialect, top_k=3)) == "Unrecognized request argument supplied: top_k"
    assert status(chat(USER, dialect="openrouter", top_k=3)) == 200


def test_the_known_fields_are_those_of_the_sdk() -> None:
    """A newer SDK that has more of them is caught here."""
    assert set(completion_create_params.CompletionCreateParamsBase.__annotations__) | {"stream"} == rules.CHAT_FIELDS
    assert set(response_create_params.ResponseCreateParamsBase.__annotations__) | {"stream"} == rules.RESPONSE_FIELDS


def test_deepseek_and_mistral() -> None:
    """The same rule in words of their own; Mistral takes ids of nine letters and digits alone."""
    answer = chat(USER, calling("c1"), USER, dialect="deepseek")
    assert (status(answer), answer.error_code) == (400, "invalid_request_error")
    assert message_of(answer) == f"{MISSING} (insufficient tool messages following tool_calls message)"
    assert message_of(chat(USER, result("c1"), dialect="deepseek")) == (
        "Messages with role 'tool' must be a response to a preceding message with 'tool_calls'"
    )
    for messages, message, code in (
        ([USER, calling("call_1"), result("call_1")], "Tool call id was call_1 but must be a-z, A-Z, 0-9, with a length of 9.", "3280"),
        ([USER, calling("abcdefgh1"), USER], "Not the same number of function calls and responses", "3230"),
    ):  # fmt: skip
        _, answer = asked(MISTRAL, "/v1/chat/completions", model="m", messages=messages)
        assert (status(answer), message_of(answer), answer.error_code) == (400, message, code)
    _, answer = asked(
        MISTRAL, "/v1/chat/completions", model="m", messages=[USER, calling("abcdefgh1"), result("abcdefgh1")]
    )
    assert status(answer) == 200


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"input": "?", "messages": []}, "Unknown parameter: 'messages'."),
        (
            {"input": [{"type": "function_call", "call_id": "c1", "name": "now", "arguments": "{}"}]},
            "No tool output found for function call c1.",
        ),
        (
            {"input": [{"type": "function_call_output", "call_id": "c1", "output": "1"}]},
            "No tool call found for function call output with call_id c1.",
        ),
    ],
)
def test_responses(fields: dict[str, Any], message: str) -> None:
    """Calls and outputs are items, which need each other unless the provider has the rest."""
    _, answer = asked(provider("responses"), WAYS["responses"], model="m", **fields)
    assert (status(answer), message_of(answer)) == (400, message)
    if "messages" not in fields:
        _, answer = asked(provider("responses"), WAYS["responses"], model="m", previous_response_id="r", **fields)
        assert status(answer) == 200


def using(*names: str) -> dict[str, Any]:
    """Return a message of Anthropic's model that uses tools."""
    blocks = [{"type": "tool_use", "id": name, "name": "now", "input": {}} for name in names]
    return {"role": "assistant", "content": [{"type": "text", "text": "well"}, *blocks]}


def results(*names: str, before: str = "", after: str = "") -> dict[str, Any]:
    """Return a message with the results of tools, and text around them."""
    blocks: list[dict[str, Any]] = [{"type": "tool_result", "tool_use_id": name, "content": "1"} for name in names]
    texts = [[{"type": "text", "text": text}] if text else [] for text in (before, after)]
    return {"role": "user", "content": [*texts[0], *blocks, *texts[1]]}


def without(names: str, place: int) -> str:
    """Return Anthropic's words for calls without results."""
    return (
        f"messages.{place}: `tool_use` ids were found without `tool_result` blocks immediately after: {names}. "
        "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    )


def unexpected(name: str, where: str) -> str:
    """Return Anthropic's words for a result without its call."""
    return (
        f"{where}: unexpected `tool_use_id` found in `tool_result` blocks: {name}. "
        "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
    )


ANTHROPIC: list[tuple[list[Any], str | None]] = [
    ([USER, using("t1"), results("t1", after="so?")], None),
    ([USER, using("t1", "t2"), results("t2"), results("t1", after="so?")], None),
    ([USER, USER, using("t1"), results("t1"), using("t2"), results("t2")], None),
    ([USER, using("t1"), USER], without("t1", 1)),
    ([USER, using("t1")], without("t1", 1)),
    ([USER, using("t1", "t2"), results("t1")], without("t2", 1)),
    ([USER, using("t1"), results("t1", before="well,")], without("t1", 1)),
    ([USER, using("t1"), results("t2")], unexpected("t2", "messages.2.content.0")),
    ([results("t1")], unexpected("t1", "messages.0.content.0")),
    ([USER, using("t1"), results("t1"), {"role": "assistant", "content": "a"}, results("t1")], unexpected("t1", "messages.4.content.0")),
    ([{"role": "tool", "content": "1"}], 'messages: Unexpected role "tool". Allowed roles are "user" or "assistant"'),
    (
        [{"role": "system", "content": "be brief"}, USER],
        ('messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, not "system" as an input '
        "message role."),
    ),
    (
        [USER, using("functions.now:0"), results("functions.now:0")],
        "messages.1.content.1.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
    ),
]  # fmt: skip


@pytest.mark.parametrize("way", ["anthropic", "vertex_ai-claude", "bedrock-invoke"])
@pytest.mark.parametrize(("messages", "message"), ANTHROPIC)
def test_anthropic(way: str, messages: list[Any], message: str | None) -> None:
    """The results of a turn's calls begin the next turn, under the same ids; so too at Google's and Amazon's addresses."""
    more = {} if way == "anthropic" else {"anthropic_version": "x"}
    _, answer = asked(provider(way), WAYS[way], model="m", max_tokens=9, messages=messages, **more)
    assert status(answer) == (200 if message is None else 400)
    if message is not None:
        assert message_of(answer) == message
    if message is not None and way != "bedrock-invoke":
        assert answer.error_code == "invalid_request_error"


def test_anthropic_needs_a_limit() -> None:
    """OpenAI does not, so a gateway must add one."""
    _, answer = asked(provider("anthropic"), WAYS["anthropic"], model="m", messages=[USER])
    assert (status(answer), message_of(answer)) == (400, "max_tokens: Field required")


def turn(role: str, *blocks: dict[str, Any]) -> dict[str, Any]:
    """Return a message of Converse's."""
    return {"role": role, "content": list(blocks or ({"text": "?"},))}


def used(name: str) -> dict[str, Any]:
    """Return a call of Converse's."""
    return {"toolUse": {"toolUseId": name, "name": "now", "input": {}}}


def answered(name: str) -> dict[str, Any]:
    """Return a result of Converse's."""
    return {"toolResult": {"toolUseId": name, "content": [{"text": "1"}]}}


CONVERSE: list[tuple[list[Any], str | None]] = [
    ([turn("user"), turn("assistant", used("u1")), turn("user", answered("u1"), {"text": "so?"})], None),
    (
        [turn("assistant")],
        "A conversation must start with a user message. Try again with a conversation that starts with a user message.",
    ),
    (
        [turn("user"), turn("user")],
        (
            "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and "
            "assistant roles and try again."
        ),
    ),
    (
        [turn("user"), turn("assistant", used("u1"), used("u2")), turn("user", answered("u1"))],
        "Expected toolResult blocks at messages.2.content for the following Ids: u2",
    ),
    (
        [turn("user"), turn("assistant", used("u1")), turn("user", answered("u1"), answered("u2"))],
        "The number of toolResult blocks at messages.2.content exceeds the number of toolUse blocks of previous turn.",
    ),
    (
        [turn("user"), turn("assistant", used("u1")), turn("user", answered("u2"))],
        "Expected toolResult blocks at messages.2.content for the following Ids: u1",
    ),
    (
        [turn("user"), turn("assistant", used("a.b")), turn("user", answered("a.b"))],
        (
            "1 validation error detected: Value 'a.b' at 'messages.2.member.content.1.member.toolUse.toolUseId' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+"
        ),
    ),
    (
        [turn("user"), turn("assistant", used("u" * 65)), turn("user", answered("u" * 65))],
        (
            f"1 validation error detected: Value '{'u' * 65}' at 'messages.2.member.content.1.member.toolUse.toolUseId' failed to "
            "satisfy constraint: Member must have length less than or equal to 64"
        ),
    ),
]


@pytest.mark.parametrize(("messages", "message"), CONVERSE)
def test_converse(messages: list[Any], message: str | None) -> None:
    """Roles alternate, and the results of a turn are in the one after it."""
    config = {"tools": [{"toolSpec": {"name": "now", "inputSchema": {"json": {}}}}]}
    call, answer = asked(provider("bedrock"), WAYS["bedrock"], messages=messages, toolConfig=config)
    assert (call.problem, status(answer)) == ((None, 200) if message is None else ("invalid_request", 400))
    if message is not None:
        assert (message_of(answer), answer.error_code) == (message, "ValidationException")


def test_converse_wants_the_tools_of_a_history() -> None:
    """A gateway that leaves them out of a last turn is refused."""
    messages = [turn("user"), turn("assistant", used("u1")), turn("user", answered("u1"))]
    _, answer = asked(provider("bedrock"), WAYS["bedrock"], messages=messages)
    assert (
        message_of(answer) == "The toolConfig field must be defined when using toolUse and toolResult content blocks."
    )


def content(role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    """Return a content of Gemini's."""
    return {"role": role, "parts": list(parts or ({"text": "?"},))}


CALLED = {"functionCall": {"name": "now", "args": {}}}
RESPONDED = {"functionResponse": {"name": "now", "response": {}}}
COUNTS = (
    "Please ensure that the number of function response parts is equal to the number of function call parts of the function "
    "call turn."
)
SIGNATURE = (
    "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing "
    "thought_signature may lead to degraded model performance. Additional data, function call `default_api:now` , position 2. "
    "Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
)
GEMINI: list[tuple[list[Any], str | None]] = [
    ([content("user"), content("model", CALLED), content("user", RESPONDED)], None),
    ([content("user"), content("model", CALLED), content("function", RESPONDED), content("user")], None),
    ([content("user"), content("model", CALLED, CALLED), content("user", RESPONDED), content("user", RESPONDED)], None),
    ([content("user"), content("model", CALLED, CALLED), content("user", RESPONDED)], COUNTS),
    ([content("user"), content("model", CALLED), content("user")], COUNTS),
    ([content("user"), content("model"), content("user", RESPONDED)], "Please ensure that function response turn comes immediately after a function call turn."),
    ([content("model", CALLED), content("user", RESPONDED)], "Please ensure that function call turn comes immediately after a user turn or after a function response turn."),
    ([content("assistant")], "Please use a valid role: user, model."),
]  # fmt: skip


@pytest.mark.parametrize("way", ["gemini", "vertex_ai"])
@pytest.mark.parametrize(("contents", "message"), GEMINI)
def test_gemini(way: str, contents: list[Any], message: str | None) -> None:
    """As many responses as calls, in the turn after them."""
    _, answer = asked(provider(way), WAYS[way], contents=contents)
    assert status(answer) == (200 if message is None else 400)
    if message is not None:
        assert (message_of(answer), answer.error_code) == (message, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("model", "parts", "refused"),
    [
        ("gemini-2.5-flash", [CALLED], False),
        ("gemini-3-pro-preview", [CALLED], True),
        ("gemini-3-pro-preview", [{**CALLED, "thoughtSignature": "c2ln"}, CALLED], False),
        ("gemini-3-pro-preview", [CALLED, {**CALLED, "thoughtSignature": "c2ln"}], True),
        ("gemini-3.1-flash", [{**CALLED, "thought_signature": "c2ln"}], False),
    ],
)
def test_gemini_wants_its_signatures_back(model: str, parts: list[Any], refused: bool) -> None:
    """Newer models do, of the turn that goes on; not of what came before the user's last text."""
    responses = content("user", *[RESPONDED] * len(parts))
    contents = [content("user"), content("model", *parts), responses]
    path = f"/v1beta/models/{model}:generateContent"
    _, answer = asked(provider("gemini"), path, contents=contents)
    assert status(answer) == (400 if refused else 200)
    if refused:
        assert message_of(answer) == SIGNATURE
    _, answer = asked(provider("gemini"), path, contents=[*contents, content("model"), content("user")])
    assert status(answer) == 200


@pytest.mark.parametrize(
    ("way", "message"),
    [
        ("openai", "This model's maximum context length is 15 tokens. However, your messages resulted in 17 tokens."),
        ("azure", "This model's maximum context length is 15 tokens. However, your messages resulted in 17 tokens."),
        ("anthropic", "prompt is too long: 17 tokens > 15 maximum"),
        ("gemini", "The input token count (17) exceeds the maximum number of tokens allowed (15)."),
        ("bedrock", "Input is too long for requested model."),
        ("openrouter", "This endpoint's maximum context length is 15 tokens. However, you requested about 17 tokens."),
    ],
)
def test_the_context_window(way: str, message: str) -> None:
    """Ten tokens of prompt and seven of answer are too long for a window of 15, and not for one of 17."""
    for window, code in ((15, 400), (17, 200)):
        spec = replace(provider(way), context_window=window)
        call = parse(spec, "POST", WAYS[way], body(way, max_tokens=7))
        answer = respond(spec, call, ATTEMPT)
        assert status(answer) == code
        if code == 400:
            assert message_of(answer).startswith(message)
            assert call.problem == "context_length"
    lenient = replace(provider(way), context_window=15, strict=False)
    assert parse(lenient, "POST", WAYS[way], body(way, max_tokens=7)).problem is None


def test_a_lenient_provider_refuses_nothing() -> None:
    """`strict: false`."""
    lenient = replace(provider("openai"), strict=False)
    call, answer = asked(lenient, WAYS["openai"], model="m", messages=[USER, result("c1")], top_k=3)
    assert (call.problem, status(answer)) == (None, 200)


@pytest.mark.parametrize("dialect", DIALECTS.own)
def test_what_our_own_chain_carries_over_is_refused_by_nobody(dialect: str) -> None:
    """Whatever the vendor, and whoever made the calls before."""
    for history in (HISTORY, HISTORY[:5], HISTORY[:2]):
        for model in ("m", "gemini-3-pro", "claude-sonnet-4"):
            request = DIALECTS[dialect].request(
                model, {"model": "chain", "stream": False, "tools": [WEATHER], "messages": history}
            )
            spec = Provider(dialect=dialect, model=model)
            assert parse(spec, "POST", request.path, json.dumps(request.body).encode()).problem is None


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["role", "content", "parts", "tool_calls", "tool_call_id", "id", "type", "toolUse", "toolResult", "functionCall", "functionResponse", "call_id", "text"]),
        inner | st.sampled_from(["user", "assistant", "tool", "model", "tool_use", "tool_result", "function_call"]),
        max_size=4,
    ),
    max_leaves=15,
)  # fmt: skip


@given(way=st.sampled_from(sorted(WAYS)), junk=st.lists(JUNK, max_size=4), config=JUNK)
def test_no_body_breaks_a_mock(way: str, junk: list[Any], config: Any) -> None:
    """Whatever is in it, there is an answer, or a refusal in words."""
    fields = {
        "messages": junk,
        "input": junk,
        "contents": junk,
        "tools": config,
        "toolConfig": config,
        "tool_choice": config,
    }
    for spec in (provider(way), MISTRAL if dialect_of(way) == "openai-compatible" else provider(way)):
        _, answer = asked(spec, WAYS[way], model="m", max_tokens=5, anthropic_version="x", toolChoice=config, **fields)
        assert status(answer) in (200, 400, 422)
