"""Wire formats: one file for each, all with the same functions. What several of them share has files of its own."""

from __future__ import annotations

from typing import Protocol

from harness.provider.answer import Answer, Call, Delay, ParsedBody, Problem
from harness.provider.dialects import anthropic, azure, deepseek, gemini, openai, openrouter
from harness.provider.limit import Quota
from harness.provider.reply import Headers, Send
from harness.provider.spec import Provider


class Dialect(Protocol):
    """What a dialect's module has.

    Attributes:
        BASE_PATH: What a client of this dialect appends to a host before anything else; empty where it appends nothing.
        KEEPALIVE: What the provider sends while it has nothing to say: a comment, or an event without content.
    """

    BASE_PATH: str
    KEEPALIVE: bytes

    def parse(self, method: str, path: str, body: bytes) -> Call:
        """Return the call; one that the provider refuses says why."""

    def succeed(self, provider: Provider, call: Call, attempt_id: str) -> Answer:
        """Return the answer of a provider that is well."""

    def fail(
        self,
        call: Call,
        attempt_id: str,
        *,
        status: int | None = None,
        problem: Problem | None = None,
        delay: Delay | None = None,
    ) -> Answer:
        """Return an error answer: `status` with its usual body, `problem` with its usual status, or both as told."""

    def error_event(self, call: Call, attempt_id: str, problem: Problem) -> bytes:
        """Return the event by which a stream that has begun ends in an error."""

    def filtered(self, event: bytes) -> bytes:
        """Return the event that says why an answer ended, so that it says: the content filter."""

    def emptied(self, event: bytes) -> bytes:
        """Return the event that says why an answer ended, without text of the answer that it says or repeats."""

    def without_usage(self, event: bytes) -> bytes:
        """Return an event without what it says about usage; empty where it said nothing else."""

    def quota_headers(self, quota: Quota, wall_ns: int) -> Headers:
        """Return the headers that tell what is left of the provider's limits; none for limits that there are not."""

    def authorize(self, key: str) -> tuple[str, str]:
        """Return the header that carries an API key."""

    def read_event(self, event: bytes) -> Send:
        """Return an event of a real stream as what it is; the bytes stay as they are, its blank line included."""

    def read_body(self, status: int, body: bytes) -> ParsedBody:
        """Return what a real plain answer says; garbage says nothing, and is no reason to raise."""


DIALECTS: dict[str, Dialect] = {
    "openai": openai,
    "azure": azure,
    "anthropic": anthropic,
    "gemini": gemini,
    "openrouter": openrouter,
    "deepseek": deepseek,
}
