"""The fault `reset`."""

from harness.provider.dialects import DIALECTS
from harness.provider.faults import reset
from harness.provider.reply import Reset
from harness.scenario import Inject


def test_nothing_but_a_reset_is_answered() -> None:
    """No header leaves before it, and nothing is billed."""
    answer = reset.answer(DIALECTS["openai"], Inject(connection="reset"), "req-000001.p.1")
    assert answer.reply == [Reset()]
    assert answer.text is None
    assert answer.tokens_out is None
