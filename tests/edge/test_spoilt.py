"""Answers that end properly on the wire, and are recorded as the failures that they are."""

from dataclasses import replace

import pytest

from harness.document import Allowance
from harness.provider.inject import Limit
from harness.scenario import Inject
from tests.edge.conftest import Open, chat, post
from tests.plans import window

SPOILT = [("end", "cut"), ("error_event", "cut"), ("malformed", "malformed"), ("empty", "malformed"), ("no_done", "ok")]


@pytest.mark.parametrize(("kind", "outcome"), SPOILT)
async def test_a_spoilt_stream_is_no_success(scene: Open, kind: str, outcome: str) -> None:
    """The client gets a whole body, but the record has it as spoilt and names the fault."""
    async with scene(window(Inject(stream=kind))) as made:  # type: ignore[arg-type]
        response = await made.ask(post(chat(stream=True)))
        assert (response.status, response.whole) == (200, True)
        (attempt,) = await made.recorded(1)
        assert (attempt.status, attempt.outcome, attempt.fault_id) == (200, outcome, "fault-1")
        assert (attempt.error_code is not None) == (kind == "error_event")


async def test_an_answer_that_was_left_is_the_clients_doing(scene: Open) -> None:
    """A fault that would have spoilt it does not change who ended it."""
    async with scene(window(Inject(stream="malformed", after_tokens=0)), window(Inject(ttft=10**12))) as made:
        client = await made.client()
        await client.send(post(chat(stream=True)))
        await client.reader.readuntil(b"\r\n\r\n")
        await client.close()
        (attempt,) = await made.recorded(1)
        assert attempt.outcome == "client_left"


async def test_a_limit_refuses_and_tells(scene: Open) -> None:
    """Over the wire: the quota's headers on what passes, and a Retry-After on what does not."""
    inject = Inject(limit=Limit(requests=Allowance(1, 3600 * 10**9)))
    async with scene(window(inject)) as made:
        first, second = await made.ask(post(chat())), await made.ask(post(chat("req-000002")))
        assert (first.status, second.status) == (200, 429)
        assert first.headers["x-ratelimit-remaining-requests"] == "0"
        assert 3590 <= int(second.headers["retry-after"]) <= 3600
        passed, refused = await made.recorded(2)
        assert (passed.fault_id, refused.fault_id) == (None, "fault-1")
        assert refused.retry_after_ns is not None


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("body", ["hello", {"a": 1}, ""])
async def test_an_answer_that_has_no_body_is_sent_without_one(
    scene: Open, status: int, body: str | dict[str, int]
) -> None:
    """Whatever the scenario asks for, the connection stays good for the next answer."""
    async with scene(replace(window(Inject(status=status, body=body)), every=2)) as made:
        client = await made.client()
        for place in range(1, 5):
            response = await client.ask(post(chat(f"req-00000{place}")))
            assert response.status == (200 if place % 2 else status)
            assert (response.body == b"") is (place % 2 == 0)
            assert place % 2 or not {"content-length", "transfer-encoding"} & set(response.headers)
        outcomes = [attempt.outcome for attempt in await made.recorded(4)]
        assert outcomes == ["ok", "malformed" if status == 204 else "status"] * 2
