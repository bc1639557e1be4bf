"""The fault `silent`."""

from harness.provider.dialects import DIALECTS
from harness.provider.faults import silent
from harness.provider.reply import Hang
from harness.scenario import Inject


def test_nothing_at_all_is_answered() -> None:
    """The provider holds its breath, and nothing is billed."""
    answer = silent.answer(DIALECTS["anthropic"], Inject(connection="silent"), "req-000001.p.1")
    assert answer.reply == [Hang()]
    assert answer.text is None
    assert answer.tokens_out is None
