"""What is done to each SDK's call: a fault, and how patient the SDK is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, get_args

from harness.document import Allowance
from harness.provider.inject import ErrorPreset, Limit
from harness.quantities import MS, S
from harness.scenario import Inject

TOKENS = 8
HALF = TOKENS // 2
PATIENT_S = 30.0
"""The SDK's timeout where nothing is to run into it."""
STEADY_S = 2.0
"""The SDK's timeout where comments come more often than that, but content does not."""
HASTY_S = 1.0
"""The SDK's timeout where something is to run into it."""

_LONG = 60 * S
_PAST = 10 * S
"""Longer than the timeouts that are to run out; not every client has one in a stream."""
_SHORT = 100 * MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One call.

    Attributes:
        name: Of the case, and of the model that the call asks for: a fault is chosen by it.
        text: The fault in a few words, for the page.
        inject: What goes wrong; None for nothing.
        streaming: Whether the call streams.
        timeout_s: Told to the SDK as its timeout, in seconds.
        first: How many attempts of the call the fault touches; None for all.
        times: How often it is asked, one after the other; the last one counts.
        max_tokens: The most tokens that the call asks for; None says nothing about it.
    """

    name: str
    text: str
    inject: Inject | None
    streaming: bool
    timeout_s: float = PATIENT_S
    first: int | None = None
    times: int = 1
    max_tokens: int | None = None

    def __str__(self) -> str:
        return self.name

    @property
    def idle(self) -> bool:
        """Whether most of it is waiting."""
        return self.timeout_s < PATIENT_S


def _stream(name: str, text: str, inject: Inject | None, timeout_s: float = PATIENT_S) -> Case:
    return Case(name=f"stream-{name}", text=text, inject=inject, streaming=True, timeout_s=timeout_s)


def _plain(name: str, text: str, inject: Inject | None, timeout_s: float = PATIENT_S) -> Case:
    return Case(name=f"plain-{name}", text=text, inject=inject, streaming=False, timeout_s=timeout_s)


def _broken(kind: Any, **more: Any) -> Inject:
    return Inject(stream=kind, after_tokens=HALF, **more)


STREAMS = (
    _stream("fine", "nothing", None),
    _stream("cut", "`cut`", _broken("cut")),
    _stream("reset", "`reset`", _broken("reset")),
    _stream("end", "`end`", _broken("end")),
    _stream("stall", "`stall`, shorter than the timeout", _broken("stall", pause=_SHORT)),
    _stream("stall-long", "`stall`, longer than the timeout", _broken("stall", pause=_PAST), HASTY_S),
    _stream("malformed", "`malformed`", _broken("malformed")),
    _stream("no-done", "`no_done`", Inject(stream="no_done")),
    _stream("no-usage", "`no_usage`", Inject(stream="no_usage")),
    _stream("error", "`error_event`", _broken("error_event")),
    _stream("error-first", "`error_event`, before any token", Inject(stream="error_event", after_tokens=0)),
    _stream("error-overloaded", "`error_event`, `error: overloaded`", _broken("error_event", error="overloaded")),
    _stream("keepalive", "`keepalive`, longer than the timeout", _broken("keepalive", pause=3100 * MS), STEADY_S),
    _stream("empty", "`empty`", Inject(stream="empty")),
    _stream("filter", "`content_filter`", _broken("content_filter")),
    _stream("ttft", "`ttft`, shorter than the timeout", Inject(ttft=_SHORT)),
    _stream("ttft-long", "`ttft`, longer than the timeout", Inject(ttft=_PAST), HASTY_S),
    _stream("slow", "`tokens_per_second`: all together longer than the timeout", Inject(tokens_per_second=6), HASTY_S),
    _stream("503", "`status: 503`", Inject(status=503)),
)
"""What can become of a stream."""

PLAIN = (
    _plain("fine", "nothing", None),
    _plain("cut", "`stream: cut`", Inject(stream="cut")),
    _plain("cut-reset", "`stream: reset`", Inject(stream="reset")),
    _plain("stall", "`stream: stall`, shorter than the timeout", Inject(stream="stall", pause=_SHORT)),
    _plain("stall-long", "`stream: stall`, longer than the timeout", Inject(stream="stall", pause=_LONG), HASTY_S),
    _plain("close", "`connection: close`", Inject(connection="close")),
    _plain("reset", "`connection: reset`", Inject(connection="reset")),
    _plain("silent", "`connection: silent`", Inject(connection="silent"), HASTY_S),
    _plain("delay", "`delay`, shorter than the timeout", Inject(delay=_SHORT)),
    _plain("delay-long", "`delay`, longer than the timeout", Inject(delay=_LONG), HASTY_S),
    _plain("html", "`body`: a 200 with a page of HTML", Inject(status=200, body="<html>Welcome</html>")),
    _plain("shape", "`body`: a 200 with JSON of another shape", Inject(status=200, body={"hello": "world"})),
    _plain("html-502", "`body`: a 502 with a page of HTML", Inject(status=502, body="<html>Bad Gateway</html>")),
)
"""What can become of a plain answer."""

ERRORS = tuple(_plain(f"error-{name}", f"`{name}`", Inject(error=name)) for name in get_args(ErrorPreset))
"""Each error preset; its status is the dialect's usual one."""

DELAYS = tuple(
    _plain(f"told-{way}", f"`retry_after_as: {way}`", Inject(status=429, retry_after=7 * S, retry_after_as=way))
    for way in ("seconds", "date", "ms", "body")
)
"""Each way to send a Retry-After."""

LIMIT = Case(
    name="limit",
    text="`limit`, used up",
    inject=Inject(limit=Limit(requests=Allowance(1, _LONG))),
    streaming=False,
    times=2,
)

SHORT = tuple(
    Case(name=f"{kind}-short", text="", inject=None, streaming=kind == "stream", max_tokens=3)
    for kind in ("stream", "plain")
)
"""The caller takes fewer tokens than the model has to say."""

CASES = (*STREAMS, *PLAIN, *ERRORS, *DELAYS, LIMIT, *SHORT)
"""Asked once each, without retries."""


def _retry(name: str, text: str, inject: Inject, first: int | None = 1, timeout_s: float = PATIENT_S) -> Case:
    case = Case(name=name, text=text, inject=inject, streaming=False, first=first, timeout_s=timeout_s)
    return replace(case, streaming=inject.stream is not None)


WARM_UP = tuple(Case(name="warm-up", text="", inject=None, streaming=flag, timeout_s=60) for flag in (False, True))
"""Asked before all others: an SDK's first call imports half of it, which takes longer than some timeouts here."""

TIMEOUTS_S = (HASTY_S, STEADY_S, PATIENT_S, WARM_UP[0].timeout_s)
"""All that are asked for: some SDKs take a timeout for a client, and none for one call."""

RETRIES = (
    _retry("429", "429 once, no delay told", Inject(status=429)),
    _retry("429-seconds", "429 once, told 7 s", Inject(status=429, retry_after=7 * S, retry_after_as="seconds")),
    _retry("429-ms", "429 once, told 11.5 s in ms", Inject(status=429, retry_after=11500 * MS, retry_after_as="ms")),
    _retry("429-date", "429 once, told a date", Inject(status=429, retry_after=60 * S, retry_after_as="date")),
    _retry("429-body", "429 once, told 7 s in the body", Inject(status=429, retry_after=7 * S, retry_after_as="body")),
    _retry("429-long", "429 once, told 130 s", Inject(status=429, retry_after=130 * S, retry_after_as="seconds")),
    _retry("quota", "`error: quota`, for ever", Inject(error="quota"), None),
    _retry("spend-limit", "`error: spend_limit`, for ever", Inject(error="spend_limit"), None),
    _retry("400", "400, for ever", Inject(status=400), None),
    _retry("503", "503, for ever", Inject(status=503), None),
    _retry("503-no", "503 with `x-should-retry: false`", Inject(status=503, headers={"x-should-retry": "false"}), None),
    _retry("400-yes", "400 with `x-should-retry: true`", Inject(status=400, headers={"x-should-retry": "true"}), None),
    _retry("reset", "`connection: reset`, once", Inject(connection="reset")),
    _retry("close", "`connection: close`, once", Inject(connection="close")),
    _retry("silent", "`connection: silent`, once", Inject(connection="silent"), 1, HASTY_S),
    _retry("cut", "`stream: cut`, once", _broken("cut")),
)
"""Asked with the SDK's own retries."""

REFILLED = replace(LIMIT, inject=Inject(limit=Limit(requests=Allowance(1, 2 * S))))
"""The same in short, for SDKs that wait as long as Retry-After asks: this wait is a real one."""
