"""The fault `status`."""

import json
from typing import Any

import pytest

from harness.provider.dialects import DIALECTS
from harness.provider.reply import End, Send
from harness.scenario import Inject
from tests.provider.replies import PLAIN, answered, body, head, headers


@pytest.mark.parametrize("dialect", DIALECTS.own)
def test_the_status_is_answered_in_the_providers_words(dialect: str) -> None:
    """Status and preset arrive as the scenario wrote them, at once and properly ended."""
    answer = answered(PLAIN, Inject(status=429, error="rate_limit"), dialect=dialect)
    _, said, last = answer.reply
    assert head(answer.reply).status == 429
    assert isinstance(said, Send)
    assert {"error", "message"} & set(json.loads(said.data))
    assert last == End()
    assert bool(answer.error_code) == (dialect != "cohere")  # whose errors have no code
    assert answer.retry_after_ns is None
    assert not {"retry-after", "retry-after-ms"} & set(headers(answer.reply))


def test_a_delay_is_sent_as_the_scenario_asks() -> None:
    """As seconds, a date, milliseconds or in the body; the record has the delay that was sent."""
    told: dict[str, Any] = {}
    for way in ("seconds", "date", "ms", "body"):
        answer = answered(PLAIN, Inject(status=429, retry_after=1_500_000_000, retry_after_as=way))  # type: ignore[arg-type]
        told[way] = (headers(answer.reply), answer.retry_after_ns)
    assert (told["seconds"][0]["retry-after"], told["seconds"][1]) == ("2", 2 * 10**9)
    assert (told["date"][0]["retry-after"], told["date"][1]) == ("Thu, 01 Jan 1970 00:00:02 GMT", 2 * 10**9)
    assert (told["ms"][0]["retry-after-ms"], told["ms"][1]) == ("1500", 1_500_000_000)
    assert "retry-after" not in told["body"][0]
    assert told["body"][1] == 1_500_000_000


def test_a_body_of_ones_own_is_sent_as_it_is() -> None:
    """A text as text, a mapping as JSON, with its length, under any status."""
    answer = answered(PLAIN, Inject(status=200, body="<html>down for lunch</html>"))
    assert body(answer.reply) == b"<html>down for lunch</html>"
    assert head(answer.reply).status == 200
    assert headers(answer.reply) == {"content-type": "text/plain; charset=utf-8", "content-length": "27"}
    answer = answered(PLAIN, Inject(body={"error": {"code": "odd"}}))
    assert json.loads(body(answer.reply)) == {"error": {"code": "odd"}}
    assert headers(answer.reply)["content-type"] == "application/json"
    assert answer.text is None


def test_what_a_body_of_ones_own_says_is_recorded() -> None:
    """A quota error is one whoever wrote its body, or the checks would miss it."""
    answer = answered(PLAIN, Inject(status=429, body={"error": {"code": "insufficient_quota", "message": "no"}}))
    assert answer.error_code == "insufficient_quota"


@pytest.mark.parametrize("own", [Inject(status=503), Inject(status=503, body="no")])
def test_headers_of_ones_own_take_the_place_of_others(own: Inject) -> None:
    """Of the same name in any case; a delay in them is recorded."""
    inject = Inject(status=503, body=own.body, headers={"Content-Type": "text/html", "Retry-After": "7", "x-a": "b"})
    answer = answered(PLAIN, inject)
    names = [name for name, _ in head(answer.reply).headers]
    assert len(names) == len(set(names))
    told = headers(answer.reply)
    assert (told["content-type"], told["retry-after"], told["x-a"]) == ("text/html", "7", "b")
    assert told["content-length"] == str(len(body(answer.reply)))
    assert answer.retry_after_ns == 7 * 10**9


@pytest.mark.parametrize(
    ("body", "ending"),
    [
        ({"choices": None, "error": {"message": "m", "code": 429}}, "malformed"),
        ("<html>down</html>", "malformed"),
        ("", "malformed"),
        ({"choices": [{"message": {"content": "hi"}}], "error": None}, "ok"),
        ({"choices": [{"message": {"content": None, "tool_calls": []}}]}, "ok"),
    ],
)
def test_a_success_without_an_answer_has_failed(body: Any, ending: str) -> None:
    """An answer with a good status asks for no delay; a delay before it does not change that."""
    own = Inject(status=200, body=body)
    assert answered(PLAIN, own).ending == ending
    assert answered(PLAIN, own, Inject(delay=1)).ending == ending
    assert answered(PLAIN, Inject(status=503, body=body)).ending == "ok"
    assert answered(PLAIN, Inject(body="data: {}\n\n", headers={"Content-Type": "text/event-stream"})).ending == "ok"
