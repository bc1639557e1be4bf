"""Several turns of one conversation: each follows the answer to the turn before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.caller.answer import Reading
from harness.caller.forms import chat
from harness.caller.prompt import Messages, PlannedRequest, RequestWriter
from harness.scenario.plan import Arrival


def followers(arrivals: Iterable[Arrival]) -> Mapping[str, Arrival]:
    """Return the later turns of conversations, each by the turn before."""
    return {arrival.after: arrival for arrival in arrivals if arrival.after is not None}


def continued(
    requests: RequestWriter, request: Mapping[str, Any], reading: Reading, following: PlannedRequest
) -> Messages:
    """Return what was said before the next turn: the messages so far, the answer, and the results of its calls.

    Args:
        requests: Of the run.
        request: The body of the turn that has ended.
        reading: Its answer.
        following: The next turn.
    """
    return (
        *request["messages"],
        chat.said(reading),
        *chat.results(reading, requests.results(following)),
    )
