"""The fault `silent`."""

from harness.provider.reply import Hang
from harness.scenario import Inject
from tests.provider.replies import STREAM, answered


def test_nothing_at_all_is_answered() -> None:
    """The provider holds its breath, and nothing is billed."""
    answer = answered(STREAM, Inject(connection="silent"))
    assert answer.reply == [Hang()]
    assert (answer.fault_id, answer.text, answer.tokens_out) == ("fault-1", None, None)
