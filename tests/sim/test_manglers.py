"""Gateways that spoil what their providers answered: nothing breaks at a provider, and no such run passes."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from harness.drivers.reference.host import Reference
from harness.drivers.server import AnswerHeaders
from harness.history import RequestRecord
from harness.history.frames import as_records
from harness.judge import RunData, Status, judge
from harness.judge.grammar import parse
from harness.provider.kinds import Api, Kind
from harness.quantities import S
from harness.scenario import Load, Scenario, compile_plan
from harness.scenario.mix import MixPart
from harness.sim import run
from tests.plans import chain
from tests.sim.planted import hosted

Answer = dict[str, Any]


def mangling(change: Callable[[Answer], object]) -> type[Reference]:
    """Return a host that changes each piece of each answer."""

    class Mangler(Reference):
        async def ask(self, api: Api, body: dict[str, Any]) -> AsyncGenerator[str | AnswerHeaders, None]:
            async for piece in super().ask(api, body):
                if isinstance(piece, str):
                    data = json.loads(piece)
                    change(data)
                    yield json.dumps(data)
                else:
                    yield piece

    return Mangler


def calls_of(data: Answer) -> list[Answer]:
    """Return the calls in a completion or in a chunk."""
    choice = next(iter(data.get("choices") or [{}]))
    found: list[Answer] = choice.get("message", choice.get("delta", {})).get("tool_calls") or []
    return found


def tools_into_text(data: Answer) -> None:
    """Write the calls into the text, as a gateway for models without tools does."""
    message = data["choices"][0]["message"]
    if calls := message.pop("tool_calls", None):
        message["content"] = json.dumps([call["function"] for call in calls])


def drop_ids(data: Answer) -> None:
    """Lose the names of the calls."""
    for call in calls_of(data):
        call.pop("id", None)


def swap_calls(data: Answer) -> None:
    """Give the pieces of one call to another."""
    for call in calls_of(data):
        if not call["function"].get("name"):
            call["index"] = 1 - call["index"]


def halve(data: Answer) -> None:
    """Lose the end of the arguments."""
    for call in calls_of(data):
        text = call["function"]["arguments"]
        call["function"]["arguments"] = text[: len(text) // 2]


def chat_instead(data: Answer) -> None:
    """Answer as if a text had been asked for."""
    data.clear()
    data |= {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "[0.1, 0.2]"}, "finish_reason": "stop"}]
    }


def lose_a_vector(data: Answer) -> None:
    """Return one vector too few."""
    data["data"].pop()


def swap_vectors(data: Answer) -> None:
    """Return the vectors in another order, as if it were the right one."""
    first, second, *_ = data["data"]
    first["embedding"], second["embedding"] = second["embedding"], first["embedding"]


def shorten(data: Answer) -> None:
    """Return fewer dimensions."""
    for entry in data["data"]:
        entry["embedding"] = entry["embedding"][:64]


def no_usage(data: Answer) -> None:
    """Report that it took nothing."""
    if data.get("usage"):
        data["usage"] = dict.fromkeys(data["usage"], 0)


def outcome(
    kind: Kind, change: Callable[[Answer], object], *, streaming: bool = False
) -> tuple[Status, list[RequestRecord]]:
    """Return the verdict of a run whose gateway changes answers, and its requests."""
    part = MixPart(share=1.0, kind=kind, inputs=3 if kind == "embeddings" else 1)
    load = Load(rate=5, streaming=0.0 if kind == "embeddings" else float(streaming), mix=(part,), deadline=20 * S)
    scenario = Scenario(name="mangled", seed=1, load=load, phases={"calm": 12 * S}, faults=())
    plan = compile_plan(scenario, chain("openai", "azure"), (parse("success_rate >= 80%", scenario.phases),))
    with hosted(Reference=mangling(change)):
        history = run(plan, plan.chain).history
    return judge(RunData.of(plan, history)).status, as_records(RequestRecord, history.requests)


@pytest.mark.parametrize(
    ("kind", "change", "streaming"),
    [
        ("tools", tools_into_text, False),
        ("tools", halve, False),
        ("tools", swap_calls, True),
        ("embeddings", chat_instead, False),
        ("embeddings", lose_a_vector, False),
        ("embeddings", swap_vectors, False),
        ("embeddings", shorten, False),
    ],
)
def test_a_spoilt_answer_is_never_a_success(kind: Kind, change: Callable[[Answer], object], streaming: bool) -> None:
    """Whatever the gateway's status says: the text is not what the provider meant."""
    status, requests = outcome(kind, change, streaming=streaming)
    assert status is Status.FAIL
    assert requests
    assert not any(request.complete for request in requests)


def test_a_lost_name_shows_in_the_next_turn() -> None:
    """The provider refuses a result whose call it cannot find, as the real one does."""
    status, requests = outcome("conversation", drop_ids)
    assert status is Status.FAIL
    assert {request.outcome for request in requests if request.complete} == {"ok"}
    assert {request.status for request in requests if not request.complete} == {400}


@pytest.mark.parametrize("kind", ["chat", "tools", "embeddings"])
def test_a_usage_of_zero_spoils_nothing(kind: Kind) -> None:
    """It is what the caller was told; what was billed, the attempts have."""
    status, requests = outcome(kind, no_usage)
    assert status is Status.PASS
    assert all(request.complete and request.tokens_in == 0 for request in requests)
