"""Faults that change an answer on its way: one after the other, step by step."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.provider.changes import AnswerChanges
from harness.provider.decide import Decision
from harness.provider.dialects import DIALECTS
from harness.provider.faults import names_of
from harness.provider.limit import Level, Quota
from harness.provider.reply import Close, End, Hang, Head, Reset, Send, Step, Wait
from harness.quantities import S
from harness.scenario import Inject
from tests.provider.replies import NAME, PLAIN, STREAM, answered, decision, head

DELAY = Inject(delay=S)
PACE = Inject(ttft=S, tokens_per_second=2)
STREAM_FAULTS = sorted(names_of("stream"))
_SSE = (("content-type", "text/event-stream"),)
_LAST = st.sampled_from([End(), Close(), Reset(), Hang()])
_WAITS = st.builds(Wait, st.integers(0, 5 * S))
_TOKENS = st.builds(Send, st.sampled_from([b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n']), st.just("a"))
_OTHERS = st.sampled_from(
    [
        Send(b": a comment\n\n"),
        Send(b'data: {"choices":[{"finish_reason":"stop"}]}\n\n', part="finish"),
        Send(b'data: {"choices":[{"delta":{"content":"z"},"finish_reason":"stop"}]}\n\n', "z", "finish"),
        Send(b'data: {"choices":[],"usage":{"total_tokens":3}}\n\n', part="usage"),
        Send(b"data: [DONE]\n\n", part="done"),
    ]
)


@st.composite
def replies(draw: st.DrawFn) -> list[Step]:
    """Return an answer of any shape: a stream, a plain one, an error, or one that breaks off."""
    before = draw(st.lists(_WAITS, max_size=2))
    if draw(st.booleans()):
        status = draw(st.sampled_from([200, 429, 500]))
        steps = draw(st.lists(_TOKENS | _OTHERS | _WAITS, max_size=14))
        return [*before, Head(status, _SSE), *steps, draw(_LAST)]
    pieces = draw(st.lists(st.binary(min_size=1, max_size=40), max_size=4))
    length = (("content-length", str(sum(map(len, pieces)))),) if draw(st.booleans()) else ()
    sends: list[Step] = [Send(piece) for piece in pieces[:-1]] + [Send(piece, "text") for piece in pieces[-1:]]
    status = draw(st.sampled_from([200, 404, 503]))
    return [*before, Head(status, (("content-type", "application/json"), *length)), *sends, draw(_LAST)]


INJECTS = st.one_of(
    st.builds(lambda kind: Inject(stream=kind), st.sampled_from(STREAM_FAULTS)),
    st.builds(
        lambda kind, after: Inject(stream=kind, after_tokens=after),
        st.sampled_from(sorted(set(STREAM_FAULTS) - {"no_done", "no_usage", "empty"})),
        st.integers(0, 9),
    ),
)
BODIES = st.none() | INJECTS
PACES = st.none() | st.sampled_from([PACE, Inject(ttft=2 * S), Inject(tokens_per_second=5)])
DELAYS = st.none() | st.just(DELAY)


def changes_of(*injects: Inject | None, quota: Quota | None = None) -> AnswerChanges:
    """Return what these faults do to an answer."""
    decided = decision(*(inject for inject in injects if inject is not None))
    if quota is not None:
        decided = decided._replace(quota=quota)
    return AnswerChanges(DIALECTS["openai"], decided, STREAM, NAME, wall_ns=0)


@given(reply=replies(), body=BODIES, pace=PACES, delay=DELAYS)
def test_step_by_step_is_as_all_at_once(reply: list[Step], body: Any, pace: Any, delay: Any) -> None:
    """An answer that arrives piece by piece is changed as one that is known beforehand."""
    whole, pieces = changes_of(body, pace, delay), changes_of(body, pace, delay)
    left: list[Step] = []
    for step in reply:
        left += pieces.feed(step)
    assert left == whole.feed_all(reply)
    assert (pieces.began, pieces.over, pieces.ending) == (whole.began, whole.over, whole.ending)


@given(reply=replies(), inject=INJECTS | st.sampled_from([DELAY, PACE, Inject(ttft=2 * S)]))
def test_a_fault_has_fired_if_and_only_if_it_has_changed_the_answer(reply: list[Step], inject: Inject) -> None:
    """So that what counts as tested was."""
    changes = changes_of(inject)
    left = changes.feed_all(reply)
    assert bool(changes.began) == (left != reply)


@given(reply=replies(), inject=INJECTS)
def test_stream_faults_touch_neither_errors_nor_what_they_have_no_hold_on(reply: list[Step], inject: Inject) -> None:
    """An error answer is whole as ever, and so is a plain one for all but a cut, a reset and a stall."""
    plain = ("content-type", "application/json") in head(reply).headers
    changes = changes_of(inject)
    left = changes.feed_all(reply)
    if head(reply).status >= 300 or (plain and inject.fault_kind.streams_only):
        assert left == reply
        assert changes.began == {}


@given(reply=replies(), body=BODIES, pace=PACES, delay=DELAYS)
def test_an_answer_is_an_answer_still(reply: list[Step], body: Any, pace: Any, delay: Any) -> None:
    """Headers at most once and before any body, one end and nothing after it, no piece without bytes, no token added."""
    left = changes_of(body, pace, delay).feed_all(reply)
    kinds = [type(step) for step in left]
    assert kinds.count(Head) == 1
    assert Send not in kinds[: kinds.index(Head)]
    assert [isinstance(step, End | Close | Reset | Hang) for step in left] == [False] * (len(left) - 1) + [True]
    assert all(step.data for step in left if isinstance(step, Send))
    texts = [step.text for step in reply if isinstance(step, Send) and step.text]
    rest = iter(texts)
    assert all(step.text in rest for step in left if isinstance(step, Send) and step.text)


@pytest.mark.parametrize("kind", ["cut", "reset", "stall"])
@given(pieces=st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=5))
@example(pieces=[b"ab", b"cd"])
@example(pieces=[b"a"])
def test_a_plain_answer_breaks_half_way_however_it_arrives(kind: Any, pieces: list[bytes]) -> None:
    """After half of the Content-Length, rounded down, wherever the pieces lie; no piece without bytes leaves."""
    whole = b"".join(pieces)
    steps: list[Step] = [Head(200, (("content-length", str(len(whole))),)), *map(Send, pieces), End()]
    left = changes_of(Inject(stream=kind)).feed_all(steps)
    assert all(step.data for step in left if isinstance(step, Send))
    acts = next(place for place, step in enumerate(left) if isinstance(step, Close | Reset | Wait))
    before = b"".join(step.data for step in left[:acts] if isinstance(step, Send))
    assert before == whole[: len(whole) // 2]
    after = b"".join(step.data for step in left[acts:] if isinstance(step, Send))
    assert after == (whole[len(whole) // 2 :] if kind == "stall" else b"")


@pytest.mark.parametrize("kind", ["cut", "reset"])
def test_a_plain_answer_of_unknown_length_breaks_before_its_end(kind: Any) -> None:
    """All bytes leave, the sign that they are all does not."""
    steps = [Head(200, ()), Send(b"all of it", "text"), End()]
    assert changes_of(Inject(stream=kind)).feed_all(steps)[:-1] == steps[:-1]


def test_faults_are_named_by_how_much_they_change() -> None:
    """The body's first, then the pace, then the delay, whatever their order in the file."""
    changes = changes_of(DELAY, PACE, Inject(stream="cut"))
    changes.feed_all(answered(STREAM).reply)
    assert tuple(changes.began) == ("fault-3", "fault-2", "fault-1")


def test_an_answer_that_is_over_says_no_more() -> None:
    """So that whoever passes a real answer on may stop listening to it."""
    changes = changes_of(Inject(stream="cut", after_tokens=2))
    counts = [(changes.over, len(changes.feed(step))) for step in answered(STREAM).reply]
    assert [count for over, count in counts if over] == [0] * sum(over for over, _ in counts)
    assert changes.over


def test_quota_headers_stand_on_whatever_is_answered() -> None:
    """On an error as on a success."""
    quota = Quota(requests=Level(60, 12, 48 * S))
    for steps in (answered(PLAIN).reply, answered(PLAIN, Inject(status=500)).reply):
        changes = changes_of(quota=quota)
        told = dict(head(changes.feed_all(steps)).headers)
        assert told["x-ratelimit-remaining-requests"] == "12"
        assert changes.began == {}


def test_a_known_number_of_tokens_is_not_guessed_at() -> None:
    """A real provider's plain answer is taken to have one for every four letters."""
    reply: list[Step] = [Head(200, ()), Send(b"x" * 400, "x" * 400), End()]
    for tokens, gaps in ((3, 2), (None, 99)):
        changes = AnswerChanges(DIALECTS["openai"], decision(PACE), PLAIN, NAME, wall_ns=0, tokens=tokens)
        assert changes.feed_all(reply)[1] == Wait(S + gaps * S // 2)


def test_a_limit_speaks_in_place_of_the_providers_own() -> None:
    """A real provider sends what is left of its own limits under the same names; two values count as none."""
    level = Level(limit=60, remaining=3, reset_ns=S)
    changes = AnswerChanges(DIALECTS["openai"], Decision({}, quota=Quota(requests=level)), STREAM, NAME, wall_ns=0)
    (told,) = changes.feed(Head(200, (("x-ratelimit-remaining-requests", "9999"), ("x-a", "b"))))
    assert isinstance(told, Head)
    found = [value for name, value in told.headers if name == "x-ratelimit-remaining-requests"]
    assert (found, ("x-a", "b") in told.headers) == (["3"], True)
