"""The fault `reset`."""

from harness.provider.reply import Reset
from harness.scenario import Inject
from tests.provider.replies import PLAIN, answered


def test_nothing_but_a_reset_is_answered() -> None:
    """No header leaves before it, and nothing is billed."""
    answer = answered(PLAIN, Inject(connection="reset"))
    assert answer.reply == [Reset()]
    assert (answer.fault_id, answer.text, answer.tokens_out) == ("fault-1", None, None)
