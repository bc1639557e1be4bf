"""What every dialect declares, in both directions: whatever one of them writes, it reads."""

from __future__ import annotations

import json
import re
from dataclasses import MISSING, fields, replace

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.provider.answer import Call, Refusal
from harness.provider.dialects import DIALECTS, Dialect, common, wire
from harness.provider.dialects.declaration import FinishReasons
from harness.provider.dialects.framing import LINES
from harness.provider.faults.context import FaultContext
from harness.provider.faults.error_event import error_code
from harness.provider.inject import Inject
from harness.provider.reply import Send
from harness.provider.respond import respond
from tests.provider.exchange import ATTEMPT, CALL, PRESETS, provider, sent

OWN = pytest.mark.parametrize("dialect", DIALECTS.own.values(), ids=DIALECTS.own)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
MODELS = st.from_regex(r"[a-z0-9][a-z0-9.\-/]{0,30}", fullmatch=True)


def stream(dialect: Dialect, *, tokens: int = 3, limit: int | None = None) -> list[bytes]:
    """Return the events of an answer that is well."""
    call = Call(model="m", streaming=True, usage=True, max_tokens=limit, prompt_tokens=10)
    answer = respond(provider(dialect.name, tokens=tokens), call, ATTEMPT)
    return [event for step in answer.reply if isinstance(step, Send) for event in dialect.framing.events(step.data)]


@OWN
@given(
    model=MODELS,
    streaming=st.booleans(),
    limit=st.none() | st.integers(1, 10**6),
    texts=st.lists(TEXT, min_size=1, max_size=3),
    system=st.none() | TEXT,
)
def test_a_request_is_read_as_it_was_written(
    dialect: Dialect, model: str, streaming: bool, limit: int | None, texts: list[str], system: str | None
) -> None:
    """Model, stream, limit and length of the prompt arrive as they were sent, whatever the prompt is."""
    roles = ("user", "assistant", "user")
    messages = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]
    messages = ([{"role": "system", "content": system}] if system is not None else []) + messages
    body = {"messages": messages, "model": "chain", "stream": streaming}
    if limit is not None:
        body["max_tokens"] = limit

    path, headers, written = dialect.request(model, body)
    call = dialect.parse("POST", path, json.dumps(written).encode())

    assert call.problem is None
    assert (call.model, call.streaming) == (model, streaming)
    assert call.max_tokens == limit or (limit is None and call.max_tokens is not None)  # where there must be a limit
    between = len(texts) - 1 if dialect.name == "ollama" else 0  # one text of several lines
    assert call.prompt_tokens == max(1, (sum(map(len, [*texts, system or ""])) + between) // 4)
    assert all(name == name.lower() for name, _ in (*headers, dialect.authorize("k")))
    assert path.startswith(dialect.base_path)


@OWN
@pytest.mark.parametrize(("limit", "reason"), [(None, "stop"), (2, "length")])
def test_why_an_answer_ended_is_read_as_it_was_written(dialect: Dialect, limit: int | None, reason: str) -> None:
    """In the last events of a stream, and in those only; a content filter's end too."""
    events = stream(dialect, limit=limit)
    assert [found for event in events if (found := dialect.read_finish(event))] == [reason]
    ends = [event for event in events if dialect.read_event(event).part == "finish"]
    assert "content_filter" in [dialect.read_finish(dialect.filtered(event)) for event in ends]


@OWN
def test_usage_is_read_as_it_was_written(dialect: Dialect) -> None:
    """The last usage of a stream is billed; without its usage it has none."""
    tokens_in, tokens_out = None, None
    for event in stream(dialect):
        new_in, new_out = dialect.read_usage(event)
        tokens_in, tokens_out = new_in or tokens_in, new_out or tokens_out
        assert dialect.read_usage(dialect.without_usage(event)) == (None, None)
    assert (tokens_in, tokens_out) == (10, 3)


@OWN
@pytest.mark.parametrize("problem", PRESETS)
def test_an_error_in_a_stream_is_read_as_it_was_written(dialect: Dialect, problem: str) -> None:
    """By its code, which is on record; no event of an answer that is well holds one."""
    refusal = Refusal(CALL, ATTEMPT, problem=problem)  # type: ignore[arg-type]
    found = [
        error for event in dialect.framing.events(dialect.error_event(refusal)) if (error := dialect.read_error(event))
    ]
    context = FaultContext(dialect, Inject(stream="error_event", error=problem), CALL, ATTEMPT)  # type: ignore[arg-type]
    assert [error.error_code for error in found] == [error_code(context)]
    assert error_code(context) == dialect.fail(refusal).error_code or dialect.error_header is not None
    assert not any(dialect.read_error(event) for event in stream(dialect))


@OWN
def test_a_streams_last_event_is_its_last(dialect: Dialect) -> None:
    """Clients stop reading there."""
    events = stream(dialect)
    matches = [dialect.last_event is not None and bool(re.match(dialect.last_event, event)) for event in events]
    assert matches == [False] * (len(events) - 1) + [dialect.last_event is not None]
    ends = ("done", "finish") if dialect.framing is LINES else ("done",)  # a line may hold both the reason and the end
    assert (dialect.read_event(events[-1]).part in ends) == (dialect.last_event is not None)


@OWN
def test_an_error_is_no_answer(dialect: Dialect) -> None:
    """Nor is what is no JSON; an answer is one."""
    assert dialect.is_answer(sent(respond(provider(dialect.name), CALL, ATTEMPT)))
    assert not dialect.is_answer(sent(dialect.fail(Refusal(CALL, ATTEMPT, problem="overloaded"))))
    assert not dialect.is_answer(b"<html>")


@OWN
def test_the_base_url_of_an_sdk_leads_to_the_dialects_own_path(dialect: Dialect) -> None:
    """OpenAI's client takes the arguments, and posts to a path that the dialect reads."""
    called = dialect.openai_client
    if called is None:
        assert dialect.parse("POST", f"{dialect.base_path}/chat/completions", b"{}").problem == "unknown_path"
        return
    made = getattr(openai, called.name)(api_key="k", **called.arguments("http://127.0.0.1:1"))
    assert str(made.base_url).startswith(f"http://127.0.0.1:1{dialect.base_path}")


def test_every_fact_must_be_declared() -> None:
    """A dialect without one fails when its file is imported, not when somebody asks for it."""
    assert all(field.default is MISSING and field.default_factory is MISSING for field in fields(Dialect))
    with pytest.raises(TypeError, match="missing"):
        Dialect(name="half")  # type: ignore[call-arg]


def test_the_list_of_models_is_below_the_dialects_path() -> None:
    """A dialect that is made of another one with a path of its own must name its own list, or have none."""
    with pytest.raises(ValueError, match="`models` does not begin with `base_path`"):
        replace(DIALECTS["openai"], name="other", base_path="/api/v2")
    assert replace(DIALECTS["openai"], name="other", base_path="/api/v2", models=None).models is None


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"data": [{"id": "a"}, {"id": "b"}, {"name": "c"}]}, ("a", "b", "c")),
        ([{"id": "a"}], ("a",)),
        ({"models": [{"name": "models/a"}, "b", {"id": 7}]}, ("a",)),
        ({"data": []}, ()),
        ({"data": {"id": "a"}}, None),
        ({"status": "ok"}, None),
        ("text", None),
    ],
)
def test_a_list_of_models_is_read_whoever_it_is_from(body: object, names: tuple[str, ...] | None) -> None:
    """Vendors have three shapes for it."""
    assert wire.model_names(json.dumps(body).encode()) == names
    assert wire.model_names(b"<html>") is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "no", "code": 1}}, "no"),
        ({"error": "no"}, "no"),
        ({"message": "no"}, "no"),
        ({"detail": [{"message": "no"}]}, "no"),
        ({"errors": [{"message": "no"}, {"message": "never"}]}, "no"),
        ({"title": "no"}, "no"),
        ({"error": {"code": 1}, "message": "no"}, "no"),
        ({"ok": 1}, ""),
        ([], ""),
    ],
)
def test_the_message_of_an_error_is_read_whoever_it_is_from(body: object, message: str) -> None:
    """For people; what it means is in its code."""
    assert wire.message_of(json.dumps(body).encode()) == message


def test_every_problem_must_have_an_error() -> None:
    """So too for what a provider answers when something is wrong."""
    with pytest.raises(ValueError, match="no error for auth, content_filter"):
        common.for_every_problem(dict.fromkeys(common.STATUS.keys() - {"auth", "content_filter"}, ""))


def test_one_name_for_one_provider_of_litellms() -> None:
    """Or a deployment could be of two dialects."""
    names = [dialect.litellm.provider for dialect in DIALECTS.own.values() if dialect.litellm is not None]
    assert len(set(names)) == len(names)
    assert sum(dialect.litellm.takes_unknown for dialect in DIALECTS.own.values() if dialect.litellm is not None) == 1


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("END", "stop"),
        ("max", "length"),
        ("Filter", "content_filter"),
        ("spii", "content_filter"),
        ("tool_calls", "stop"),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_a_word_for_the_end_means_what_is_declared(word: object, meaning: str | None) -> None:
    """However it is spelled; a word that is not declared is an end of the answer's own."""
    words = FinishReasons("end", "max", "filter", {"spii": "content_filter"})
    assert words.read(word) == meaning


def test_a_dialect_is_another_with_some_facts_replaced() -> None:
    """Providers that speak OpenAI's format are one short declaration each."""
    other = replace(DIALECTS["openai"], name="other", keepalive=b": still here\n\n")
    assert other.read_body is DIALECTS["openai"].read_body
