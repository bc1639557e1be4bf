"""What callers send: requests of each kind, which name themselves in their prompts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from harness.caller.answer import AnswerForm, Asked
from harness.caller.forms import FORMS
from harness.provider.kinds import API, Api
from harness.provider.marker import Marker
from harness.scenario.mix import MixPart
from harness.scenario.prompts import PromptFile, texts

_WORDS = (
    "please",
    "say",
    "how",
    "the",
    "chain",
    "will",
    "do",
    "when",
    "one",
    "part",
    "of",
    "it",
    "is",
    "down",
    "today",
)
_MARKER_TOKENS = 14
"""About what a marker costs in tokens; the words above cost one each."""
_KEPT_BYTES_MAX = 16 * 2**20
_WITH_TOOLS = ("tools", "conversation")


Messages = tuple[dict[str, Any], ...]
"""What was said in a conversation, in OpenAI's form."""


class PlannedRequest(Protocol):
    """Which request it is; see `Arrival`."""

    @property
    def request_id(self) -> str:
        """Fixed by the plan."""

    @property
    def streaming(self) -> bool:
        """Whether a stream is asked for."""

    @property
    def part(self) -> int:
        """Place of its kind among the parts."""

    @property
    def line(self) -> int:
        """Place of its prompt in the file of its kind."""

    @property
    def prompt_tokens(self) -> int | None:
        """Length of its prompt in place of its kind's."""

    @property
    def max_tokens(self) -> int | None:
        """Its limit on the answer in place of its kind's."""


class PromptFacts(NamedTuple):
    """What is kept of a prompt from a file.

    Attributes:
        sha256: Its hash, hexadecimal.
        chars: Its length, in characters.
    """

    sha256: str
    chars: int


class RequestWriter:
    """The requests of one run.

    All but the marker is the same in most of them, so it is encoded once: a prompt may be long.

    Args:
        token: The run's own.
        parts: Their kinds.
        model: What is asked for where a kind does not say.
        prompts: For each kind its file of prompts.
        extras: For each kind further fields of the body.

    Raises:
        UsageError: A file of prompts is not what it was.
    """

    def __init__(
        self,
        token: str,
        parts: Sequence[MixPart],
        model: str,
        *,
        prompts: Sequence[PromptFile | None] = (),
        extras: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self._token = token
        self._parts = tuple(parts)
        self._model = model
        self._lines = [() if file is None else texts(file) for file in prompts] or [()] * len(self._parts)
        self._extras = tuple(extras) or ({},) * len(self._parts)
        self._words = [part.prompt or _words(part.prompt_tokens or 1) for part in self._parts]
        self._templates: dict[Hashable, list[bytes]] = {}
        self._kept = 0

    def kind(self, call: PlannedRequest) -> MixPart:
        """Return the kind of a request."""
        return self._parts[call.part]

    def api(self, call: PlannedRequest) -> Api:
        """Return the form of a request."""
        return API[self._parts[call.part].kind]

    def form(self, call: PlannedRequest) -> AnswerForm:
        """Return how a request is written and its answer read."""
        return FORMS[self.api(call)]

    def facts(self, call: PlannedRequest) -> PromptFacts | None:
        """Return what is kept of a request's prompt; None where it is not one of a file."""
        lines = self._lines[call.part]
        if not lines:
            return None
        text = lines[call.line]
        return PromptFacts(hashlib.sha256(text.encode()).hexdigest(), len(text))

    def body(self, call: PlannedRequest, *, model: str | None = None, earlier: Messages = ()) -> bytes:
        """Return the JSON body of one request; see `request`."""
        marker = str(Marker(call.request_id, self._token))
        if earlier:
            return json.dumps(self._request(call, marker, model, earlier)).encode()
        key = call.part, call.line, model, call.streaming, call.prompt_tokens, call.max_tokens
        template = self._templates.get(key)
        if template is None:
            template = self._split(call, model)
            size = sum(map(len, template))
            if self._kept + size <= _KEPT_BYTES_MAX:
                self._kept += size
                self._templates[key] = template
        return marker.encode().join(template)

    def request(self, call: PlannedRequest, *, model: str | None = None, earlier: Messages = ()) -> dict[str, Any]:
        """Return the body of one request as plain data.

        Args:
            call: Which.
            model: What is asked for in place of its kind's model.
            earlier: What was said before in its conversation: messages in OpenAI's form.
        """
        return self._request(call, str(Marker(call.request_id, self._token)), model, earlier)

    def results(self, call: PlannedRequest) -> str:
        """Return the text of the results of tools that a request brings."""
        return f"{self._text(call)} {Marker(call.request_id, self._token)}"

    def _text(self, call: PlannedRequest) -> str:
        lines, part = self._lines[call.part], self._parts[call.part]
        if lines:
            return lines[call.line]
        own = call.prompt_tokens is not None and part.prompt is None
        return _words(call.prompt_tokens or 1) if own else self._words[call.part]

    def _split(self, call: PlannedRequest, model: str | None) -> list[bytes]:
        """Return the JSON around the markers, of which JSON escapes nothing."""
        place = "<marker>"
        while place in self._text(call):
            place += ">"
        return [piece.encode() for piece in json.dumps(self._request(call, place, model, ())).split(place)]

    def _request(self, call: PlannedRequest, marker: str, model: str | None, earlier: Messages) -> dict[str, Any]:
        part = self._parts[call.part]
        closed = bool(earlier) and earlier[-1]["role"] == "tool"  # the results of tools are the turn
        asked = Asked(
            texts=() if closed else (f"{self._text(call)} {marker}",) * part.inputs,
            model=model or part.model or self._model,
            streaming=call.streaming,
            max_tokens=call.max_tokens or part.max_tokens,
            tools=part.kind in _WITH_TOOLS,
            earlier=earlier,
        )
        return {**self.form(call).request(asked), **self._extras[call.part]}


def _words(tokens: int) -> str:
    return " ".join(_WORDS[place % len(_WORDS)] for place in range(max(1, tokens - _MARKER_TOKENS)))
