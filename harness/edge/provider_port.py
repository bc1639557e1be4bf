"""One provider's port: its attempts are joined to requests, counted, decided on and recorded."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple, Protocol

from harness.chain import Provider
from harness.chain.scrub import scrub
from harness.edge.forwarded_call import ForwardedCall
from harness.edge.request import EdgeRequest
from harness.edge.upstream import Upstream
from harness.history import AttemptOutcome
from harness.provider import decide
from harness.provider.answer import Answer, Call
from harness.provider.decide import NOTHING, Attempt, State
from harness.provider.marker import ATTEMPT_HEADER, REQUEST_HEADER, RUN_HEADER, Marker, find_request
from harness.provider.prompt_cache import WarmPrefixes
from harness.provider.reply import Close, End, Head, Send, Step
from harness.provider.respond import parse, respond
from harness.provider.usage import cost_usd
from harness.store import EdgeAttempt, Foreign, Sink

_REQUEST_ID = re.compile(r"[a-z]+-[0-9]{6,20}")
_NO_CALL = Call()
_NO_ANSWER = Answer(reply=[])
_KNOWN_BYTES_MAX = 8 * 2**10
_FOREIGN = json.dumps({"error": {"message": "This call belongs to another run.", "type": "foreign_run"}}).encode()
_UNMARKED = json.dumps(
    {"error": {"message": "This call bears no mark of a request, so it is not sent with your key.", "type": "unmarked"}}
).encode()
_ABOUT_A_MODEL = ("/api/show",)
"""A question about a model, which clients of Ollama post."""
_MODELS = ("/v1/models", "/models", "/openai/models", "/openai/v1/models")


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One call that is being answered.

    Attributes:
        answer: What is played, unless it is forwarded.
        forward: The call to the real provider whose answer is played; None where it is answered here.
        attempt_id: Names it in the records; None for a call that is no attempt.
        request_id: The request it belongs to; None for an orphan.
        key: The chain-side recorder's.
        start_ns: When it had been read, in monotonic nanoseconds.
        call: As parsed.
    """

    answer: Answer = _NO_ANSWER
    forward: ForwardedCall | None = None
    attempt_id: str | None = None
    request_id: str | None = None
    key: str | None = None
    start_ns: int = 0
    call: Call = _NO_CALL


class Delivery(NamedTuple):
    """How an answer went out; see Player.

    Attributes:
        first_byte_ns: When the first byte left.
        end_ns: When the last one did.
        status: As it left.
        outcome: How it ended.
    """

    first_byte_ns: int | None
    end_ns: int | None
    status: int | None
    outcome: AttemptOutcome


class Stamps(Protocol):
    """When an answer went out; see Player."""

    @property
    def first_byte_ns(self) -> int | None:
        """When the first byte left."""

    @property
    def end_ns(self) -> int | None:
        """When the last one did."""

    @property
    def status(self) -> int | None:
        """As it left."""


class AttemptEnded(Protocol):
    """Takes how each attempt ended, where nobody wants a record of it: a count costs a fraction of a row."""

    def __call__(
        self, provider: str, outcome: AttemptOutcome, status: int | None, took_ns: int | None, answer: Answer
    ) -> None:
        """Take one.

        Args:
            provider: The port's.
            outcome: How it ended.
            status: As it left.
            took_ns: From the call that had been read to the last byte; None if that did not leave.
            answer: As far as it was played.
        """


class ProviderPort:
    """One provider's port.

    Only a POST is an attempt: health checks of a gateway are answered and not recorded.

    Attributes:
        name: The provider's.
        origin_ns: The run's origin in monotonic nanoseconds; no fault acts before it is known.
    """

    def __init__(
        self,
        name: str,
        provider: Provider,
        *,
        token: str | None,
        faults: State,
        capture: Sink | None,
        real: Upstream | None = None,
        secrets: frozenset[str] = frozenset(),
        ended: AttemptEnded | None = None,
    ) -> None:
        """Get ready.

        Args:
            name: The provider's.
            provider: How it answers.
            token: The run's; calls of other runs are refused. None: nothing is joined, every call is an orphan.
            faults: The provider's first state.
            capture: Where records go.
            real: What calls are passed through to; None for a mock.
            secrets: Texts that no record may hold, beyond what looks like a secret.
            ended: Told how each attempt ended.
        """
        self.name = name
        self._real = real
        self.origin_ns: int | None = None
        self._provider = provider
        self._parse = lru_cache(maxsize=256)(partial(parse, provider, "POST"))
        self._token = token
        self._faults = faults
        self._capture = capture
        self._ended = ended
        self._secrets = secrets
        self._warm = WarmPrefixes()
        self._counts: dict[str, int] = {}
        self._orphans = 0

    @property
    def real(self) -> bool:
        """Whether a real provider answers."""
        return self._real is not None

    def take(self, request: EdgeRequest, now_ns: int) -> Exchange:
        """Return what becomes of a call that was read at `now_ns`, in monotonic nanoseconds."""
        if request.method != "POST" or request.path in _ABOUT_A_MODEL:
            return Exchange(answer=self._look(request.method, request.path))
        marker = self._marker(request.headers, request.body)
        return self._attempt(self._call(request, marker), marker, request.headers, now_ns, request)

    def take_too_large(self, headers: Mapping[str, str], now_ns: int) -> Exchange:
        """Return what becomes of a call whose body is too large to be read."""
        return self._attempt(Call(problem="too_large"), self._marker(headers, b""), headers, now_ns)

    def _marker(self, headers: Mapping[str, str], body: bytes) -> Marker | None:
        return None if self._token is None else _header_marker(headers) or find_request(body)

    def _call(self, request: EdgeRequest, marker: Marker | None) -> Call:
        """Return the call. Those of a run differ by little more than the marker: without it, most are known already."""
        body, accept = request.body, request.headers.get("accept", "")
        if marker is None or len(body) > _KNOWN_BYTES_MAX:
            return parse(self._provider, "POST", request.path, body, accept)
        text = str(marker).encode()
        call = self._parse(request.path, body.replace(text, b"-" * len(text)), accept)
        if call.prefixes:  # a vendor's prompt cache matches the whole text, the marker too
            return parse(self._provider, "POST", request.path, body, accept)
        return call

    def _attempt(
        self,
        call: Call,
        marker: Marker | None,
        headers: Mapping[str, str],
        now_ns: int,
        request: EdgeRequest | None = None,
    ) -> Exchange:
        request_id = None
        if marker is not None:
            if marker.token != self._token:
                return self._refuse(now_ns)
            request_id = marker.request_id
        nth = self._count(request_id)
        attempt_id = f"{request_id or 'orphan'}.{self.name}.{nth}"
        decision = NOTHING
        if self._faults.windows and self.origin_ns is not None:
            tokens = call.prompt_tokens + (call.max_tokens or self._provider.reply.tokens)
            at_ns = now_ns - self.origin_ns
            attempt = Attempt(at_ns, request_id, nth, call.model, call.streaming, tokens)
            self._faults, decision = decide.decide(self._faults, attempt)
        if call.prefixes and call.problem is None and self._real is None and "instead" not in decision.faults:
            ready_ns = now_ns + self._provider.reply.ttft
            call = call._replace(cached=self._warm.take(call.prefixes, now_ns=now_ns, ready_ns=ready_ns))
        wall_ns = 0 if decision is NOTHING else time.time_ns()
        exchange = Exchange(
            attempt_id=attempt_id, request_id=request_id, key=headers.get(ATTEMPT_HEADER), start_ns=now_ns, call=call
        )
        if self._real is None or request is None or "instead" in decision.faults:
            exchange.answer = respond(self._provider, call, attempt_id, decision, wall_ns=wall_ns)
        elif marker is None and self._token is not None and self._real.has_key:
            exchange.answer = _json(421, _UNMARKED)  # whoever calls, it is no request of this run's
        elif self._real.client.budget.take():
            exchange.forward = ForwardedCall(self._real, request, call, attempt_id, decision, wall_ns=wall_ns)
        else:
            exchange.answer = Answer(reply=[Close()])
        return exchange

    def _count(self, request_id: str | None) -> int:
        if request_id is None:
            self._orphans += 1
            return self._orphans
        nth = self._counts.get(request_id, 0) + 1
        self._counts[request_id] = nth
        return nth

    def _refuse(self, now_ns: int) -> Exchange:
        if self._capture is not None:
            self._capture.put(Foreign(at_ns=now_ns, provider=self.name))
        return Exchange(answer=_json(421, _FOREIGN))

    def _look(self, method: str, path: str) -> Answer:
        if method == "GET" and path.partition("?")[0] in _MODELS:
            model = {"id": self._provider.model, "object": "model", "created": 0, "owned_by": "harness"}
            return _json(200, json.dumps({"object": "list", "data": [model]}).encode())
        call = parse(self._provider, method, path, b"")
        return respond(self._provider, call, f"{self.name}.0")

    def record(
        self, exchange: Exchange, outcome: AttemptOutcome, player: Stamps, unplayed: Sequence[Step] = ()
    ) -> None:
        """Write down an exchange that has ended, if it was an attempt.

        Args:
            exchange: Which.
            outcome: How it ended.
            player: Has sent it.
            unplayed: The steps that were not sent.
        """
        if exchange.attempt_id is None or (self._capture is None and self._ended is None):
            return
        played = Delivery(player.first_byte_ns, player.end_ns, player.status, outcome)
        forward = exchange.forward
        if forward is None:
            answer = exchange.answer
            if unplayed:
                answer = _as_far(exchange, unplayed, begun=player.status is not None)
            self._write(exchange, exchange.attempt_id, answer, played)
        else:  # a fault may have ended it for the client while the provider still sends
            forward.when_over(partial(self._write_forwarded, exchange, exchange.attempt_id, forward, played))

    def _write_forwarded(self, exchange: Exchange, attempt_id: str, forward: ForwardedCall, played: Delivery) -> None:
        if forward.trouble is not None and played.outcome in ("cut", "reset"):
            played = played._replace(outcome=forward.trouble)
        elif played.outcome == "client_left" and forward.complete:  # an official client leaves at `[DONE]`
            played = played._replace(outcome="ok")
        self._write(exchange, attempt_id, forward.answer(), played)

    def _write(self, exchange: Exchange, attempt_id: str, answer: Answer, played: Delivery) -> None:
        outcome = answer.ending if played.outcome == "ok" else played.outcome
        if self._ended is not None:
            took_ns = None if played.end_ns is None else played.end_ns - exchange.start_ns
            self._ended(self.name, outcome, played.status, took_ns, answer)
        if self._capture is None:
            return
        row = EdgeAttempt(
            key=exchange.key,
            attempt_id=attempt_id,
            request_id=exchange.request_id,
            number=0,
            provider=self.name,
            start_ns=exchange.start_ns,
            first_byte_ns=played.first_byte_ns,
            end_ns=played.end_ns,
            status=played.status,
            outcome=outcome,
            fault_id=answer.fault_id,
            other_faults=answer.other_faults,
            forwarded=exchange.forward is not None,
            retry_after_ns=answer.retry_after_ns,
            error_code=self._clean(answer.error_code),
            model=self._clean(exchange.call.model),
            streaming=exchange.call.streaming,
            text_chars=None if answer.text is None else len(answer.text),
            text_sha256=answer.text_sha256,
            tokens_in=answer.tokens_in,
            tokens_out=answer.tokens_out,
            cost_usd=cost_usd(self._provider.price, answer.tokens_in, answer.tokens_out, answer.cached),
            cached_tokens=None if answer.cached is None else answer.cached.read,
        )
        self._capture.put(row)

    def _clean(self, text: str | None) -> str | None:
        return text and scrub(text, self._secrets)


def _as_far(exchange: Exchange, unplayed: Sequence[Step], *, begun: bool) -> Answer:
    """Return what is recorded of an answer that broke off: a fault in the part that was not sent has not fired.

    Args:
        exchange: Which.
        unplayed: The steps that were not sent.
        begun: Whether its headers have left.
    """
    answer = exchange.answer
    played = len(answer.reply) - len(unplayed)
    fired = [
        name
        for name, at in zip((answer.fault_id, *answer.other_faults), answer.began, strict=False)
        if name is not None and at < played
    ]
    code_sent = begun and (answer.fault_id is None or answer.fault_id in fired)
    return answer._replace(
        fault_id=fired[0] if fired else None,
        other_faults=tuple(fired[1:]),
        tokens_out=_tokens_out(exchange, unplayed),
        error_code=answer.error_code if code_sent else None,
        retry_after_ns=answer.retry_after_ns if begun else None,
    )


def _tokens_out(exchange: Exchange, unplayed: Sequence[Step]) -> int | None:
    """Return how many tokens were sent of an answer that broke off.

    A stream sends each by itself; a plain answer sends all or, while it is still being made, none.
    """
    planned = exchange.answer.tokens_out
    unsent = sum(isinstance(step, Send) and step.text != "" for step in unplayed)
    if planned is None or not unsent:
        return planned
    return planned - unsent if exchange.call.streaming else 0


def _header_marker(headers: Mapping[str, str]) -> Marker | None:
    request_id, token = headers.get(REQUEST_HEADER), headers.get(RUN_HEADER)
    if request_id is None or token is None or not _REQUEST_ID.fullmatch(request_id):
        return None
    return Marker(request_id, token)


def _json(status: int, body: bytes) -> Answer:
    headers = (("content-type", "application/json"), ("content-length", str(len(body))))
    return Answer(reply=[Head(status, headers), Send(body), End()])
