"""Anthropic's own: limits, what may be retried, spend limits, refusals."""

from typing import Literal

import pytest

from harness.provider.answer import Delay, Refusal
from harness.provider.dialects import DIALECTS
from harness.provider.inject import ErrorPreset
from harness.provider.limit import Level, Quota
from harness.quantities import S
from tests.provider.exchange import ATTEMPT, CALL, ask, data_of, head, headers, refuse, said, sends, sent, split

ANTHROPIC = DIALECTS["anthropic"]


def test_prompts_are_counted_in_all_their_shapes() -> None:
    """Four characters are about a token, in a text, in parts and in a system prompt."""
    parts = [{"role": "user", "content": [{"type": "text", "text": "y" * 40}]}]
    assert ask("anthropic").tokens_in == 10
    assert ask("anthropic", messages=parts).tokens_in == 10
    assert ask("anthropic", messages=parts, system="z" * 40).tokens_in == 20


def test_a_stream_has_every_stage() -> None:
    """The events come in Anthropic's order, each with the name that its data has."""
    events = split(sent(ask("anthropic", {"tokens": 2}, stream=True)))
    kinds = [data["type"] for data in data_of(events)]
    assert kinds == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert [event.split(b"\n")[0] for event in events] == [f"event: {kind}".encode() for kind in kinds]


@pytest.mark.parametrize("told_as", [None, "seconds", "date", "ms", "body"])
def test_how_long_a_spend_limit_lasts_is_not_told(told_as: Literal["seconds", "date", "ms", "body"] | None) -> None:
    """Waiting does not help against it, and the answer has no Retry-After."""
    answer = refuse("anthropic", "spend_limit", delay=Delay(2 * S, told_as))
    assert head(answer).status == 429
    assert answer.retry_after_ns is None
    assert answer == refuse("anthropic", "spend_limit")
    assert headers(answer)["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("problem", "again"), [("rate_limit", "true"), ("overloaded", "true"), ("auth", "false"), ("quota", "false")]
)
def test_every_error_says_whether_to_try_again(problem: ErrorPreset, again: str) -> None:
    """Anthropic's SDK goes by this header before all else."""
    assert headers(refuse("anthropic", problem))["x-should-retry"] == again


def test_limits_are_sent_in_anthropics_headers() -> None:
    """They are full again at a time, in whole seconds, rounded up."""
    assert dict(ANTHROPIC.quota_headers(Quota(requests=Level(60, 59, S)), S // 2)) == {
        "anthropic-ratelimit-requests-limit": "60",
        "anthropic-ratelimit-requests-remaining": "59",
        "anthropic-ratelimit-requests-reset": "1970-01-01T00:00:02Z",
    }
    assert dict(ANTHROPIC.quota_headers(Quota(tokens=Level(9, 0, S)), 0))["anthropic-ratelimit-tokens-remaining"] == "0"


def test_an_error_in_a_stream_is_an_event_of_its_own() -> None:
    """`event: error` with the body that a plain error has."""
    event = ANTHROPIC.error_event(Refusal(CALL, ATTEMPT, problem="overloaded"))
    assert event.startswith(b"event: error\n")
    assert next(data_of([event])) == said(refuse("anthropic", "overloaded"))


def test_a_filtered_answer_is_a_refusal() -> None:
    """The reason why it stopped, in the event that has one."""
    changed = [ANTHROPIC.filtered(send.data) for send in sends(ask("anthropic", stream=True)) if send.part == "finish"]
    assert [data["delta"]["stop_reason"] for data in data_of(changed)] == ["refusal"]
