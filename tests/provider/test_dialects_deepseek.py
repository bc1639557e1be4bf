"""DeepSeek's own: statuses, and usage at the end of every stream."""

import pytest

from harness.provider.answer import Delay
from harness.provider.dialects import DIALECTS
from harness.provider.inject import ErrorPreset
from harness.provider.limit import Level, Quota
from harness.quantities import S
from tests.provider.exchange import ask, data_of, head, headers, refuse, said, sends

DEEPSEEK = DIALECTS["deepseek"]


@pytest.mark.parametrize(
    ("problem", "status", "message"),
    [("quota", 402, "Insufficient Balance"), ("content_filter", 400, "Content Exists Risk"), ("not_found", 400, "Model Not Exist")],
)  # fmt: skip
def test_its_failures_differ_by_status_and_message(problem: ErrorPreset, status: int, message: str) -> None:
    """Their codes are all the same."""
    answer = refuse("deepseek", problem)
    assert (head(answer).status, said(answer)["error"]["message"]) == (status, message)
    assert answer.error_code == "invalid_request_error"


def test_the_last_choice_has_the_usage() -> None:
    """Asked for or not, in the event that ends the answer."""
    for options in ({}, {"stream_options": {"include_usage": True}}):
        closing = sends(ask("deepseek", {"tokens": 3}, stream=True, **options))[-2:]
        assert [send.part for send in closing] == ["finish", "done"]
        assert next(data_of([closing[0].data]))["usage"]["total_tokens"] == 13


def test_usage_goes_and_the_end_stays() -> None:
    """Both stand in one event."""
    finish = sends(ask("deepseek", stream=True))[-2].data
    data = next(data_of([DEEPSEEK.without_usage(finish)]))
    assert "usage" not in data
    assert data["choices"][0]["finish_reason"] == "stop"


def test_a_delay_is_sent_only_in_a_header() -> None:
    """Where one is asked for at all."""
    answer = refuse("deepseek", "rate_limit", delay=Delay(2 * S))
    assert headers(answer)["retry-after"] == "2"
    assert said(answer) == said(refuse("deepseek", "rate_limit"))
    assert DEEPSEEK.quota_headers(Quota(Level(1, 1, 1)), 0) == ()
