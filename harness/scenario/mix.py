"""What callers send: one kind of request, or several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from harness.chain.keys import TENANT
from harness.document.marks import STRICT, Ge, Le, Len, StringConstraints, field_error, schema_checked
from harness.document.units import Share
from harness.provider.kinds import Kind

PROMPT_CHARS_MAX = 20_000
TOKENS_MAX = 1_000_000
TURNS = 3
"""Of a conversation: a question, to which the model answers with calls of tools, their results, and one more question."""
THINK_NS = 10**9
"""How long after an answer the next turn of its conversation comes, in nanoseconds."""

PromptText = Annotated[str, StringConstraints(min_length=1, max_length=PROMPT_CHARS_MAX)]
PromptTokens = Annotated[int, Ge(1), Le(TOKENS_MAX)]
MaxTokens = Annotated[int, Ge(1), Le(TOKENS_MAX)]


@dataclass(frozen=True, slots=True, kw_only=True)
class MixPart:
    """One kind of request in a mix. What it leaves open is as in the load.

    Attributes:
        share: Share of the arrivals; those of a mix make 100 %, so only a single entry can leave it out.
        kind: `chat`, `tools` (the model answers with calls), `conversation` (three turns with tools: a turn follows one second after
            the answer to the turn before), `embeddings`, `responses` (OpenAI's), `messages` (Anthropic's).
        model: What is asked for; what callers of the chain usually ask for if None.
        streaming: Share of the requests that stream.
        prompt: Asked in place of a text of `prompt_tokens`. A run keeps it, so it may hold no secret.
        prompts: A file with a prompt in each line (JSONL: a text, or an object with `prompt`), used in turn; its path is relative to this
            file. A run keeps the hash and length of each, never its text.
        prompt_tokens: Length of a prompt, about, in tokens.
        max_tokens: The caller's limit on the answer's tokens.
        inputs: How many texts one request for embeddings holds.
        headers: Sent along, such as a tenant's key: `authorization: env/NAME` sends that variable as a bearer token. A header that may be a
            secret is written so. `authorization: tenant/NAME` sends the key that the run makes for a tenant of a chain with `keys`.
        chain: Names of the providers or model groups that these requests try, in order, where the driver can ask for that.
        callers: How many callers share this kind: `share_by: caller` fails the same ones again and again. Each request is a caller of its own
            if None.
    """

    __pydantic_config__ = STRICT

    share: Share = 1.0
    kind: Kind = "chat"
    model: Annotated[str, Len(1, 300)] | None = None
    streaming: Share | None = None
    prompt: PromptText | None = None
    prompts: Annotated[str, Len(1, 1000)] | None = None
    prompt_tokens: PromptTokens | None = None
    max_tokens: MaxTokens | None = None
    inputs: Annotated[int, Ge(1), Le(2048)] = 1
    headers: Annotated[dict[str, str], Len(0, 50)] = field(default_factory=dict)
    chain: Annotated[tuple[str, ...], Len(1, 50)] | None = None
    callers: Annotated[int, Ge(1), Le(10**6)] | None = None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> Any:
        return schema_checked(cls._sensible, source, handler)

    def _sensible(self) -> MixPart:
        if self.share == 0:
            raise field_error("a share of 0% sends nothing", hint="leave it out")
        if self.kind == "embeddings" and (self.streaming or self.max_tokens):
            raise field_error(
                f"`{'streaming' if self.streaming else 'max_tokens'}` does not go with embeddings: they have no text"
            )
        if self.kind != "embeddings" and self.inputs > 1:
            raise field_error("`inputs` goes with `kind: embeddings`")
        given = [name for name in ("prompt", "prompts", "prompt_tokens") if getattr(self, name) is not None]
        if len(given) > 1:
            raise field_error(f"`{given[0]}` and `{given[1]}` do not go together", hint="write one of them")
        return self

    @property
    def tenant(self) -> str | None:
        """Whose key its requests carry, of the tenants of a chain with `keys`; None where they carry none."""
        found = (value.removeprefix(TENANT) for value in self.headers.values() if value.startswith(TENANT))
        return next(found, None)

    @property
    def turns(self) -> int:
        """How many requests one arrival makes."""
        return TURNS if self.kind == "conversation" else 1

    def filled(self, *, streaming: float, prompt: str | None, prompt_tokens: int, max_tokens: int | None) -> MixPart:
        """Return the part with what it leaves open, given the load's own."""
        own = self.prompt or self.prompts or self.prompt_tokens
        vectors = self.kind == "embeddings"
        return replace(
            self,
            streaming=0.0 if vectors else streaming if self.streaming is None else self.streaming,
            prompt=self.prompt if own else prompt,
            prompt_tokens=self.prompt_tokens or prompt_tokens,
            max_tokens=None if vectors else self.max_tokens or max_tokens,
        )
