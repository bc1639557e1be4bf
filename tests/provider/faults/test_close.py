"""The fault `close`."""

from harness.provider.reply import Close
from harness.scenario import Inject
from tests.provider.replies import PLAIN, answered


def test_nothing_but_a_close_is_answered() -> None:
    """No header leaves before it, and nothing is billed."""
    answer = answered(PLAIN, Inject(connection="close"))
    assert answer.reply == [Close()]
    assert (answer.fault_id, answer.text, answer.tokens_out) == ("fault-1", None, None)
