"""The headers come at once, the first token late, or all tokens slowly."""

from __future__ import annotations

from collections.abc import Sequence

from harness.provider.faults.case import Case, Seen
from harness.provider.reply import Head, Send, Step, Wait

_CHARS_PER_TOKEN = 4


def change(case: Case, seen: Seen, step: Step) -> tuple[Seen, Sequence[Step]]:
    """Put our own waits in the place of the provider's; see `Change`.

    A wait before the first token goes where `ttft` is given, one between tokens where `tokens_per_second` is. A plain
    answer has its tokens all at once, when the last would have come.
    """
    inject = case.inject
    if isinstance(step, Wait):
        ours = inject.ttft if seen.tokens == 0 else inject.tokens_per_second
        return (seen, (step,)) if ours is None else (seen._replace(fired=True), ())
    if isinstance(step, Head) or not (seen.fine and isinstance(step, Send) and step.text):
        return seen, (step,)
    wait_ns = (inject.ttft or 0) if seen.tokens == 0 else 0
    if inject.tokens_per_second is not None:
        wait_ns += round(_gaps(case, seen, step) * 1e9 / inject.tokens_per_second)
    return (seen._replace(fired=True), (Wait(wait_ns), step)) if wait_ns else (seen, (step,))


def _gaps(case: Case, seen: Seen, step: Send) -> int:
    """Return how many gaps between tokens lie before a step."""
    if seen.stream:
        return int(seen.tokens > 0)
    tokens = len(step.text) // _CHARS_PER_TOKEN if case.tokens is None else case.tokens
    return max(0, tokens - 1)
