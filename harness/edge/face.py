"""One provider as the chain faces it: its attempts are joined to requests, counted, decided on and recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from harness.chain import Provider
from harness.edge.player import Player
from harness.history import AttemptOutcome, AttemptRecord
from harness.provider import decide
from harness.provider.answer import Answer, Call
from harness.provider.decide import Attempt, State
from harness.provider.marker import ATTEMPT_HEADER, REQUEST_HEADER, RUN_HEADER, Marker, find_request
from harness.provider.reply import End, Head, Reply, Send
from harness.provider.respond import parse, respond
from harness.store import Capture, EdgeAttempt, Foreign

_REQUEST_ID = re.compile(r"[a-z]+-[0-9]{6,20}")
_KEY = re.compile(r"[!-~]{1,200}")
_FOREIGN = json.dumps({"error": {"message": "This call belongs to another run.", "type": "foreign_run"}}).encode()
_MODELS = ("/v1/models", "/models", "/openai/models", "/openai/v1/models")


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One call and what becomes of it.

    Attributes:
        reply: What to play.
        attempt: What will stand in the record; None for a call that is no attempt.
    """

    reply: Reply
    attempt: Open | None = None


@dataclass(slots=True, kw_only=True)
class Open:
    """An attempt that has not ended. Times are monotonic nanoseconds."""

    attempt_id: str
    request_id: str | None
    key: str | None
    start_ns: int
    call: Call
    answer: Answer


class Face:
    """One provider's port.

    Only a POST is an attempt: health checks of a gateway are answered and not recorded.

    Attributes:
        name: The provider's.
        origin_ns: The run's origin in monotonic nanoseconds; no fault acts before it is known.
    """

    def __init__(
        self, name: str, provider: Provider, *, token: str | None, faults: State, capture: Capture | None
    ) -> None:
        """Get ready.

        Args:
            name: The provider's.
            provider: How it answers.
            token: The run's; calls of other runs are refused. None: nothing is joined, every call is an orphan.
            faults: The provider's first state.
            capture: Where records go.
        """
        self.name = name
        self.origin_ns: int | None = None
        self._provider = provider
        self._token = token
        self._faults = faults
        self._capture = capture
        self._counts: dict[str, int] = {}
        self._orphans = 0

    def take(self, method: str, path: str, headers: Mapping[str, str], body: bytes, now_ns: int) -> Exchange:
        """Return what becomes of a call that was read at `now_ns`, in monotonic nanoseconds."""
        if method != "POST":
            return Exchange(reply=self._look(method, path))
        return self._attempt(parse(self._provider, method, path, body), headers, body, now_ns)

    def take_too_large(self, headers: Mapping[str, str], now_ns: int) -> Exchange:
        """Return what becomes of a call whose body is too large to be read."""
        return self._attempt(Call(problem="too_large"), headers, b"", now_ns)

    def _attempt(self, call: Call, headers: Mapping[str, str], body: bytes, now_ns: int) -> Exchange:
        request_id = None
        if self._token is not None:
            marker = _header_marker(headers) or find_request(body)
            if marker is not None:
                if marker.token != self._token:
                    return self._refuse(now_ns)
                request_id = marker.request_id
        nth = self._count(request_id)
        attempt_id = f"{request_id or 'orphan'}.{self.name}.{nth}"
        window = None
        if self.origin_ns is not None:
            attempt = Attempt(at_ns=now_ns - self.origin_ns, request_id=request_id, nth=nth)
            self._faults, window = decide.decide(self._faults, attempt)
        answer = respond(self._provider, call, attempt_id, window)
        return Exchange(
            reply=answer.reply,
            attempt=Open(
                attempt_id=attempt_id,
                request_id=request_id,
                key=headers.get(ATTEMPT_HEADER),
                start_ns=now_ns,
                call=call,
                answer=answer,
            ),
        )

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
        return Exchange(reply=_json(421, _FOREIGN))

    def _look(self, method: str, path: str) -> Reply:
        if method == "GET" and path.partition("?")[0] in _MODELS:
            model = {"id": self._provider.model, "object": "model", "created": 0, "owned_by": "harness"}
            return _json(200, json.dumps({"object": "list", "data": [model]}).encode())
        call = parse(self._provider, method, path, b"")
        return respond(self._provider, call, f"{self.name}.0").reply

    def record(self, attempt: Open, outcome: AttemptOutcome, player: Player) -> None:
        """Write down an attempt that has ended."""
        if self._capture is None:
            return
        answer = attempt.answer
        record = AttemptRecord(
            attempt_id=attempt.attempt_id,
            request_id=attempt.request_id,
            provider=self.name,
            start_ns=attempt.start_ns,
            first_byte_ns=player.first_byte_ns,
            end_ns=player.end_ns,
            status=player.status,
            outcome=outcome,
            fault_id=answer.fault_id,
            retry_after_ns=answer.retry_after_ns,
            error_code=answer.error_code,
            model=attempt.call.model,
            streaming=attempt.call.streaming,
            text_chars=None if answer.text is None else len(answer.text),
            text_sha256=answer.text_sha256,
            tokens_in=answer.tokens_in,
            tokens_out=answer.tokens_out,
        )
        self._capture.put(EdgeAttempt(key=attempt.key, attempt=record))


def _header_marker(headers: Mapping[str, str]) -> Marker | None:
    request_id, token = headers.get(REQUEST_HEADER), headers.get(RUN_HEADER)
    if request_id is None or token is None or not _REQUEST_ID.fullmatch(request_id):
        return None
    return Marker(request_id, token)


def _json(status: int, body: bytes) -> Reply:
    headers = (("content-type", "application/json"), ("content-length", str(len(body))))
    return [Head(status, headers), Send(body), End()]
