"""What a dialect is: one declaration in a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from harness.provider.answer import Answer, Call, FinishReason, ParsedBody, Refusal
from harness.provider.limit import Quota
from harness.provider.reply import Headers, Send
from harness.provider.spec import Provider


class WrittenRequest(NamedTuple):
    """A chat completion as a dialect asks for it.

    Attributes:
        path: With its query, below the provider's host.
        headers: Beside the key and the type of the body; names in small letters.
        body: Sent as JSON.
    """

    path: str
    headers: Headers
    body: Mapping[str, Any]


class FinishReasons(NamedTuple):
    """A provider's words for why an answer ended.

    Attributes:
        stop: The answer came to its own end.
        length: It reached the caller's limit.
        content_filter: A content filter ended it.
        others: Further words that it uses, with what they mean. Whatever it does not name means `stop`.
    """

    stop: str
    length: str
    content_filter: str
    others: Mapping[str, FinishReason]

    def word(self, *, complete: bool) -> str:
        """Return the word for an answer that came to its own end, or reached the caller's limit."""
        return self.stop if complete else self.length

    def read(self, word: object) -> FinishReason | None:
        """Return what a word means, however it is spelled; None where it is none."""
        if not isinstance(word, str) or not word:
            return None
        small = word.lower()
        if small == self.length.lower():
            return "length"
        if small == self.content_filter.lower():
            return "content_filter"
        return self.others.get(small, "stop")


class LiteLLMNames(NamedTuple):
    """How LiteLLM calls a provider of this dialect.

    Attributes:
        provider: LiteLLM's name for it: the prefix of a model, and of the models in its price list.
        path: What the `api_base` of a deployment ends in; LiteLLM appends the rest.
        key_variables: Environment variables that LiteLLM takes its key from, the first that is set.
        families: Matches the names of its models that LiteLLM's lists have without the prefix; None if there are none.
        takes_unknown: Whether a model's name without a prefix that is of no known family is taken for one of its models.
        model: Returns what the provider is asked for, given a model's name without the prefix.
    """

    provider: str
    path: str
    key_variables: tuple[str, ...]
    families: str | None
    takes_unknown: bool
    model: Callable[[str], str]


class OpenAIClient(NamedTuple):
    """How OpenAI's official SDK calls a provider of this dialect.

    Attributes:
        name: The client's class.
        arguments: Returns its arguments, given the provider's address without the dialect's own path.
    """

    name: Literal["AsyncOpenAI", "AsyncAzureOpenAI"]
    arguments: Callable[[str], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """A provider's wire format, in both directions. Its streams are server-sent events.

    Attributes:
        name: As in `dialect:` of a chain file.
        base_path: What a client of this dialect appends to a host before anything else; empty if nothing.
        keepalive: What the provider sends while it has nothing to send: a comment, or an event without content.
        last_event: Matches the beginning of a stream's last event, after which clients stop reading; None if it has none.
        request: Writes a chat completion, given a model and the body that OpenAI takes.
        authorize: Returns the header that carries an API key.
        parse: Reads a call, given its method, path and body. One that the provider refuses says why.
        succeed: Returns the answer of a provider that is well, given its declaration, the call and the attempt's id.
        fail: Returns an error answer.
        error_event: Returns the event, or the events, by which a stream that has begun ends in an error.
        filtered: Returns the event that says why an answer ended, so that it says: the content filter.
        emptied: Returns the event that says why an answer ended, without any text of the answer.
        without_usage: Returns an event without what it says about usage; empty where it said nothing else.
        quota_headers: Returns the headers that say what is left of the provider's limits, given the time in nanoseconds
            since 1970; none for limits that do not exist.
        read_event: Returns an event of a real stream with its text and its role; its bytes stay as they are.
        read_finish: Returns why the answer ended, as an event says it; None if it does not.
        read_usage: Returns the tokens in and out that an event says are billed; None for what it does not say.
        read_error: Returns the error by which an event ends a stream; None if it holds none.
        read_body: Returns what a plain answer says, given its status. Garbage says nothing, and raises nothing.
        is_answer: Returns whether the body of a plain success is an answer.
        litellm: How LiteLLM calls such a provider; None if it does not.
        openai_client: How OpenAI's official SDK calls one; None if it does not.
    """

    name: str
    base_path: str
    keepalive: bytes
    last_event: bytes | None
    request: Callable[[str, Mapping[str, Any]], WrittenRequest]
    authorize: Callable[[str], tuple[str, str]]
    parse: Callable[[str, str, bytes], Call]
    succeed: Callable[[Provider, Call, str], Answer]
    fail: Callable[[Refusal], Answer]
    error_event: Callable[[Refusal], bytes]
    filtered: Callable[[bytes], bytes]
    emptied: Callable[[bytes], bytes]
    without_usage: Callable[[bytes], bytes]
    quota_headers: Callable[[Quota, int], Headers]
    read_event: Callable[[bytes], Send]
    read_finish: Callable[[bytes], FinishReason | None]
    read_usage: Callable[[bytes], tuple[int | None, int | None]]
    read_error: Callable[[bytes], ParsedBody | None]
    read_body: Callable[[int, bytes], ParsedBody]
    is_answer: Callable[[bytes], bool]
    litellm: LiteLLMNames | None
    openai_client: OpenAIClient | None
