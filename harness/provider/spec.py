"""A provider as people write it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from harness.document.marks import STRICT, Ge, Le, Len, StringConstraints
from harness.document.units import Duration

NAME_MAX = 300  # an inference profile of AWS has some 150 characters
Name = Annotated[str, Len(1, NAME_MAX)]
EnvName = Annotated[str, StringConstraints(pattern=r"^env/[A-Za-z_][A-Za-z0-9_]{0,99}$")]
"""Names the environment variable that holds a secret: secrets are never written down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplySpec:
    """How a mocked provider answers when nothing is wrong.

    Attributes:
        ttft: Time to the first token, in nanoseconds.
        tokens: Tokens of text in an answer.
        tokens_per_second: Speed of the tokens after the first; 0 sends them all at once.
    """

    __pydantic_config__ = STRICT

    ttft: Duration = 50_000_000
    tokens: Annotated[int, Ge(1), Le(100_000)] = 20
    tokens_per_second: Annotated[float, Ge(0)] = 200

    @property
    def takes_ns(self) -> int:
        """How long a whole answer takes, in nanoseconds."""
        rest_s = (self.tokens - 1) / self.tokens_per_second if self.tokens_per_second else 0.0
        return self.ttft + round(rest_s * 1e9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The price of a provider, in USD per million tokens.

    Attributes:
        input: Of the prompt.
        output: Of the answer.
        cache_read: Of the prompt's tokens that are read from the provider's prompt cache; the vendor's usual share of `input` if None.
        cache_write: Of those that are written to it; the vendor's usual share of `input` if None.
    """

    __pydantic_config__ = STRICT

    input: Annotated[float, Ge(0), Le(1e6)]
    output: Annotated[float, Ge(0), Le(1e6)]
    cache_read: Annotated[float, Ge(0), Le(1e6)] | None = None
    cache_write: Annotated[float, Ge(0), Le(1e6)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One upstream of the chain.

    Attributes:
        dialect: Whose wire format it speaks.
        vendor: Whose API it is, by LiteLLM's name, where several vendors speak the dialect.
        model: The model that the chain requests.
        reply: How its mock answers.
        listen: Fixed `host:port` that the chain calls; any free port if None.
        upstream: The real provider's address, to which calls are passed through; mocked if None.
        api_key: `env/NAME`: the key that replaces the caller's on the way to the upstream.
        public: Other machines may call this provider, with `api_key`, where `listen` is an address that they reach.
        price: Its price; that of LiteLLM's price list if None.
        enabled: Whether it is part of the chain.
        context_window: The longest prompt and answer together that its model takes, in tokens; no limit if None.
        strict: Whether its mock refuses what the vendor refuses: a conversation that breaks the vendor's rules, or that is longer than
            `context_window`.
        api_version: The version of its API that is requested; the one that the chain's library requests if None.
        headers: Sent along with every call.
        embeds: Whether its model embeds texts and answers no chats; if not, it answers chats and embeds no texts. Either may be
            asked for if None.
    """

    __pydantic_config__ = STRICT

    dialect: Name
    model: Name
    vendor: Name | None = None
    reply: ReplySpec = ReplySpec()
    listen: str | None = None
    upstream: str | None = None
    api_key: EnvName | None = None
    public: bool = False
    price: Price | None = None
    enabled: bool = True
    context_window: Annotated[int, Ge(1), Le(10**9)] | None = None
    strict: bool = True
    api_version: Annotated[str, Len(1, 40)] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    embeds: bool | None = None
