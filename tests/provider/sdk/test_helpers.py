"""The SDKs' own ways to put a stream together."""

from __future__ import annotations

import openai
import pytest

from .cases import STREAMS, TOKENS, Case
from .heard import Outcome
from .helpers import HELPERS
from .measure import Measured
from .outcomes import OUTCOMES

# As reading the stream in a loop, but for those that are named.
HELPED: dict[str, dict[str, Outcome]] = {
    "openai-helper": OUTCOMES["openai"] | {"stream-filter": ("part", openai.ContentFilterFinishReasonError, None)},
    "responses-helper": OUTCOMES["responses"]
    | {
        "stream-end": ("part", RuntimeError, None),
        "stream-error": ("part", RuntimeError, None),
        "stream-error-first": ("none", RuntimeError, None),
        "stream-error-overloaded": ("part", RuntimeError, None),
        "stream-filter": ("part", RuntimeError, None),
    },
    "anthropic-helper": OUTCOMES["anthropic"] | {"stream-no-usage": ("whole", AttributeError, None)},
}


@pytest.mark.parametrize("helper", HELPERS)
@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_helpers(measured: Measured, helper: str, case: Case) -> None:
    """A stream that responses do not complete is an error to their helper alone; other half answers are final ones."""
    assert measured[helper, case.name].outcome == HELPED[helper][case.name]


@pytest.mark.parametrize("helper", HELPERS)
def test_the_order_of_events_is_right(measured: Measured, helper: str) -> None:
    """Each output is begun before it grows, or a helper would not put it together."""
    heard = measured[helper, "stream-fine"]
    assert heard.text == heard.whole
    assert heard.usage is not None
    assert heard.usage[1] == heard.pieces == TOKENS
