"""The fault `status`."""

import json

import pytest

from harness.provider.dialects import DIALECTS
from harness.provider.faults import status
from harness.provider.reply import End, Head, Send
from harness.scenario import Inject


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_status_is_answered_in_the_providers_words(dialect: str) -> None:
    """Status, preset and delay arrive as the scenario wrote them, at once and properly ended."""
    inject = Inject(status=429, error="rate_limit", retry_after=2 * 10**9)
    answer = status.answer(DIALECTS[dialect], inject, "req-000001.p.1")
    first, body, last = answer.reply
    assert isinstance(first, Head)
    assert first.status == 429
    assert ("retry-after", "2") in first.headers
    assert isinstance(body, Send)
    assert "error" in json.loads(body.data)
    assert last == End()
    assert answer.retry_after_ns == 2 * 10**9
