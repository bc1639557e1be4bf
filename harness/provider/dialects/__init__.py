"""Wire formats: one file for each, all with the same three functions."""

from __future__ import annotations

from typing import Protocol

from harness.chain import Provider
from harness.provider.answer import Answer, Call, Problem
from harness.provider.dialects import anthropic, azure, openai


class Dialect(Protocol):
    """What a dialect's module has."""

    def parse(self, method: str, path: str, body: bytes) -> Call:
        """Return the call; one that the provider refuses says why."""

    def succeed(self, provider: Provider, call: Call, attempt_id: str) -> Answer:
        """Return the answer of a provider that is well."""

    def fail(
        self, attempt_id: str, *, status: int | None = None, problem: Problem | None = None, retry_after_ns: int | None
    ) -> Answer:
        """Return an error answer: `status` with its usual body, `problem` with its usual status, or both as told."""


DIALECTS: dict[str, Dialect] = {"openai": openai, "azure": azure, "anthropic": anthropic}
