"""The endpoint's events and errors, in each form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.drivers.server import error_event, event, explained
from harness.provider.kinds import Api

ERROR = {"error": {"message": "too many", "type": None, "param": None, "code": "429"}}


@pytest.mark.parametrize(
    ("api", "data", "sent"),
    [
        ("chat", '{"id":"c"}', b'data: {"id":"c"}\n\n'),
        ("messages", '{"type": "ping"}', b'event: ping\ndata: {"type": "ping"}\n\n'),
        ("responses", '{"id":1,"type":"x.y"}', b'event: x.y\ndata: {"id":1,"type":"x.y"}\n\n'),
        ("messages", '{"type":"ping","te', b'event: ping\ndata: {"type":"ping","te\n\n'),
        ("messages", "half", b"event: \ndata: half\n\n"),
    ],
)
def test_an_event_is_named_by_its_type(api: Api, data: str, sent: bytes) -> None:
    """Clients of OpenAI's chats want no name, those of messages nothing without one; broken data is passed on."""
    assert event(api, data) == sent


@pytest.mark.parametrize(
    ("api", "body", "sent"),
    [
        ("chat", ERROR, ERROR),
        (
            "responses",
            ERROR,
            {
                "type": "response.failed",
                "response": {
                    "object": "response",
                    "status": "failed",
                    "error": {"code": "429", "message": "too many"},
                },
            },
        ),
        ("messages", None, {"type": "error", "error": {"type": "rate_limit_error", "message": "too many"}}),
    ],
)
def test_an_error_has_the_form_of_the_request(api: Api, body: Any, sent: dict[str, Any]) -> None:
    """Plain, and as the last event of a stream."""
    status, payload = explained(api, lambda _error: (429, ERROR), ValueError())
    assert (status, payload) == (429, sent if body is None else body)
    assert json.loads(error_event(api, payload).partition(b"data: ")[2]) == sent
