"""The shape of a dialect: one declaration, in a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from harness.provider import vectors
from harness.provider.answer import Answer, Call, FinishReason, ParsedBody, Refusal
from harness.provider.dialects import wire
from harness.provider.dialects.framing import Framing
from harness.provider.dialects.prefixes import CacheUsage
from harness.provider.limit import Quota
from harness.provider.reply import Headers, Send
from harness.provider.spec import Provider
from harness.provider.tools import CallPieces


class WrittenRequest(NamedTuple):
    """A chat completion as a dialect requests it.

    Attributes:
        path: With its query, below the provider's host.
        headers: Beside the key and the type of the body; names in small letters.
        body: Sent as JSON.
    """

    path: str
    headers: Headers
    body: Mapping[str, Any]


class Embedded(NamedTuple):
    """The content of a plain answer with embeddings, as a client of the dialect reads it.

    Attributes:
        vectors: In the order of the texts. What is no list of numbers is left out.
        tokens_in: Tokens billed; None if it does not report them.
    """

    vectors: tuple[tuple[float, ...], ...] = ()
    tokens_in: int | None = None

    @property
    def text(self) -> str:
        """The vectors as text; empty if there are none."""
        return vectors.text_of(self.vectors) if self.vectors else ""


class EmbeddingForm(NamedTuple):
    """How a dialect embeds texts.

    Attributes:
        request: Writes a call, given a model and the body of OpenAI's API: `input` (a text, or a list of them) and maybe
            `dimensions`. It asks for numbers, whatever `encoding_format` is.
        batches: Returns whether a model takes several texts in one call. If not, each needs a call of its own.
        read: Returns the content of a plain success. Garbage has none, and raises nothing.
        fewer: Returns the body of such an answer without its last vector; as it is where there is none.
    """

    request: Callable[[str, Mapping[str, Any]], WrittenRequest]
    batches: Callable[[str], bool]
    read: Callable[[bytes], Embedded]
    fewer: Callable[[bytes], bytes]


class FinishReasons(NamedTuple):
    """A provider's words for why an answer ended.

    Attributes:
        stop: The answer came to its own end.
        length: It reached the caller's limit.
        content_filter: A content filter ended it.
        others: Further words that it uses, with what they mean. Whatever it does not name means `stop`.
        tool_calls: The model calls tools; empty where the word is that for its own end.
    """

    stop: str
    length: str
    content_filter: str
    others: Mapping[str, FinishReason]
    tool_calls: str = ""

    def word(self, *, complete: bool, calls: object = ()) -> str:
        """Return the word for an answer that came to its own end, with calls of tools or without, or reached the caller's limit."""
        if calls and self.tool_calls:
            return self.tool_calls
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
        if small == self.tool_calls.lower():
            return "tool_calls"
        return self.others.get(small, "stop")


class LiteLLMNames(NamedTuple):
    """How LiteLLM calls a provider of this dialect.

    Attributes:
        provider: LiteLLM's name for it: the prefix of a model, and of the models in its price list.
        path: What the `api_base` of a deployment ends in; LiteLLM appends the rest.
        key_variables: Environment variables that LiteLLM reads the key from; the first that is set counts; empty for a
            provider without keys.
        families: Matches the names of its models that LiteLLM's lists have without the prefix; None if there are none.
        takes_unknown: Whether a model's name without a prefix that is of no known family is taken for one of its models.
        model: Returns what the provider is asked for, given a model's name without the prefix.
        addresses: Further parameters of a deployment that LiteLLM takes its address from; each gets the same as `api_base`.
        defaults: Parameters that a deployment gets where it has none, so that LiteLLM looks for none elsewhere.
        home: The address that LiteLLM calls where a deployment names none, without `path`; `{name}` stands for a parameter of the
            deployment. None if each customer has one.
        also: Further names that LiteLLM has for it.
        asks_about_models: Whether LiteLLM asks a server about each model that is not in its list.
        packages: Those that LiteLLM needs for it and not every version of it requires.
        model_path: Returns what the `api_base` ends in after `path`, given the model; None if that is nothing.
    """

    provider: str
    path: str
    key_variables: tuple[str, ...]
    families: str | None
    takes_unknown: bool
    model: Callable[[str], str]
    addresses: tuple[str, ...]
    defaults: Mapping[str, str]
    home: str | None
    also: tuple[str, ...] = ()
    asks_about_models: bool = False
    packages: tuple[str, ...] = ()
    model_path: Callable[[str], str] | None = None

    @property
    def providers(self) -> tuple[str, ...]:
        """All names that LiteLLM has for it, the usual one first."""
        return (self.provider, *self.also)


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
    """A provider's wire format, in both directions.

    Attributes:
        name: As in `dialect:` of a chain file.
        base_path: What a client of this dialect appends to a host before anything else; empty if nothing.
        framing: How its streams are divided into events.
        keepalive: Sent by the provider to keep a silent stream open: a comment, or an event without content.
        last_event: Matches the beginning of a stream's last event, after which clients stop reading; None if it has none.
        error_header: The header of an error answer that holds its code, its name in small letters; None if the body holds it.
        models: The path of the list of its models, with its query, below the provider's host; None if it has none.
        request: Writes a chat completion, given a model and the body of OpenAI's API, with its tools, calls and their results.
        authorize: Returns the header that carries an API key.
        parse: Reads a call, given its method, path and body. A call that the provider refuses holds the problem.
        succeed: Returns the answer of a healthy provider, given its entry in the chain file, the call and the attempt's id.
        fail: Returns an error answer.
        error_event: Returns the event, or the events, by which a stream that has begun ends in an error.
        filtered: Returns the event that ends an answer, with a content filter as the reason.
        emptied: Returns the event that ends an answer, without any of the answer's text.
        without_usage: Returns an event without its usage; empty if it holds nothing else.
        quota_headers: Returns the headers with what is left of the provider's limits, given the time in nanoseconds
            since 1970; none for a limit that does not exist.
        read_event: Returns an event of a real stream with its text and its role; its bytes stay as they are. Pieces of the arguments of
            calls are text here.
        read_calls: Returns the pieces of calls of tools that an event holds, and the text beside them; None if it has no such piece.
        read_finish: Returns the reason for the answer's end that an event holds; None if it holds none.
        read_usage: Returns the tokens in and out that an event reports as billed; None for what it does not report.
        read_error: Returns the error by which an event ends a stream; None if it holds none.
        read_body: Returns the content of a plain answer, given its status. Garbage has none, and raises nothing.
        is_answer: Returns whether the body of a plain success is an answer.
        embed: How it embeds texts; None if it does not.
        litellm: How LiteLLM calls such a provider; None if it does not.
        openai_client: How OpenAI's official SDK calls one; None if it does not.
        sdk: What leads the SDK that the vendor documents to an address: the environment variable that it reads, else the argument of
            its client; `{address}` is the provider's address with `base_path`, `{host}` without it.
        of_vendor: Returns the dialect as one vendor speaks it, given LiteLLM's name for the vendor; None if the dialect is that of
            one vendor alone.
        cache_usage: How it reports and bills the tokens of its prompt cache; None if it has none.
    """

    name: str
    base_path: str
    framing: Framing
    keepalive: bytes
    last_event: bytes | None
    error_header: str | None
    models: str | None
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
    read_calls: Callable[[bytes], CallPieces | None]
    read_finish: Callable[[bytes], FinishReason | None]
    read_usage: Callable[[bytes], tuple[int | None, int | None]]
    read_error: Callable[[bytes], ParsedBody | None]
    read_body: Callable[[int, bytes], ParsedBody]
    is_answer: Callable[[bytes], bool]
    embed: EmbeddingForm | None
    litellm: LiteLLMNames | None
    openai_client: OpenAIClient | None
    sdk: str
    of_vendor: Callable[[str], Dialect] | None
    cache_usage: CacheUsage | None

    def __post_init__(self) -> None:
        """Refuse a list of models at another address than the completions: a dialect may be made of another by `replace`.

        Raises:
            ValueError: It is.
        """
        if self.models is not None and not self.models.startswith(self.base_path):
            raise ValueError(f"dialect {self.name!r}: `models` does not begin with `base_path`")

    def with_code(self, parsed: ParsedBody, headers: Headers) -> ParsedBody:
        """Return the content of an error answer with the code that is in its headers, where they hold one."""
        found = (value for name, value in headers if name.lower() == self.error_header)
        code = wire.code_of(next(found, "").partition(":")[0])
        return parsed if code is None else parsed._replace(error_code=code)
