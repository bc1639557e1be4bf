"""What goes into a provider and what comes out of it: a Call, an Answer. Named tuples, as every attempt makes one of each."""

from __future__ import annotations

from typing import Literal, NamedTuple

from harness.history import AttemptOutcome
from harness.http_rules import is_success
from harness.provider.inject import DelayForm, ErrorPreset
from harness.provider.prompt_cache import NOTHING_CACHED, CachedPart, PrefixEnd
from harness.provider.reply import Close, End, Hang, Reset, Step
from harness.provider.tools import ToolCall, whole


class Tool(NamedTuple):
    """A tool that a caller offers.

    Attributes:
        name: As the model calls it.
        properties: The names and JSON types of its arguments, in order: `string`, `integer`, ….
    """

    name: str
    properties: tuple[tuple[str, str], ...] = ()


Problem = ErrorPreset | Literal["unknown_path"]
"""Why a provider refuses a call: an error preset, or a path that it does not have."""


class Violation(NamedTuple):
    """A rule of the vendor's that a call breaks, in the vendor's words.

    Attributes:
        message: For people.
        type: OpenAI's type of the error; the usual one if None.
        param: The field that is wrong, where the vendor names it.
        code: OpenAI's code; none if None.
    """

    message: str
    type: str | None = None
    param: str | None = None
    code: str | None = None


class Call(NamedTuple):
    """A request as one provider's dialect reads it.

    Attributes:
        model: The requested model; None if the call names none.
        streaming: Whether a stream was asked for.
        usage: Whether the stream is to report its usage.
        max_tokens: The caller's limit on the answer's tokens; None for no limit.
        prompt_tokens: Length of the prompt, about, in tokens.
        problem: Why the provider refuses the call; None if it does not.
        api: Which of the dialect's APIs was called, if it has several (`responses`, `embeddings`); empty for chats.
        accept: The types of answers that the client accepts, as in its Accept header; empty if it does not say.
        tools: The tools that the model calls now, in place of a text; none where it answers in text.
        inputs: How many texts are to be embedded; 0 where none are.
        dimensions: How many each vector is to have; None where the caller does not say.
        encodings: How the vectors are to be written, by the names of `vectors.ENCODINGS`; empty where the caller does not say.
        form: Which of the vendor's forms of this API was called, where it has several.
        violation: The rule of the vendor's for conversations that it breaks; None if it breaks none. A strict provider refuses it.
        window: The model's context window, in tokens, where the call does not fit; 0 where it does.
        prefixes: Where its prompt may be cut for the vendor's prompt cache, the shortest first; none where the vendor keeps none of it.
        cached: What the provider's prompt cache had of it.
    """

    model: str | None = None
    streaming: bool = False
    usage: bool = False
    max_tokens: int | None = None
    prompt_tokens: int = 0
    problem: Problem | None = None
    api: str = ""
    accept: str = ""
    tools: tuple[Tool, ...] = ()
    inputs: int = 0
    dimensions: int | None = None
    encodings: tuple[str, ...] = ()
    form: str = ""
    violation: Violation | None = None
    window: int = 0
    prefixes: tuple[PrefixEnd, ...] = ()
    cached: CachedPart = NOTHING_CACHED

    @property
    def fresh_tokens(self) -> int:
        """The prompt's tokens that were neither read from the cache nor are billed for being written to it."""
        return self.prompt_tokens - self.cached.read - self.cached.written


class Delay(NamedTuple):
    """A Retry-After to send.

    Attributes:
        ns: How long, in nanoseconds.
        form: In whole seconds, as a date, in milliseconds, or in the body; the dialect's usual form if None.
        wall_ns: The current time, in nanoseconds since 1970; a date needs it.
    """

    ns: int
    form: DelayForm | None = None
    wall_ns: int = 0


class Refusal(NamedTuple):
    """An error answer to make: `status` with its usual body, `problem` with its usual status, or both as given.

    Attributes:
        call: The call that is refused.
        attempt_id: Of the attempt; ids in the answer are made from it.
        status: HTTP status; the problem's usual one if None.
        problem: What is wrong; the status's usual one if None.
        delay: The Retry-After to send; none if None.
    """

    call: Call
    attempt_id: str
    status: int | None = None
    problem: Problem | None = None
    delay: Delay | None = None

    @property
    def violation(self) -> Violation | None:
        """The rule that the call is refused for; None if it is refused for something else."""
        return self.call.violation if self.problem is not None and self.problem == self.call.problem else None


FinishReason = Literal["stop", "length", "content_filter", "tool_calls"]
"""Why an answer ended, in OpenAI's words: by itself, at the caller's limit, by a content filter, or for calls of tools. A vendor that
has no word for the last says `stop` after them."""


class ParsedBody(NamedTuple):
    """The content of a plain answer, as a client of the dialect reads it.

    Attributes:
        text: The model's text; empty where there is none.
        tokens_in: Prompt tokens billed; None if it does not report them.
        tokens_out: Completion tokens billed.
        error_code: The error's code, else its type; None where it is no error.
        retry_after_ns: The delay in its body, in nanoseconds; None where there is none.
        finish: Why it ended; None if it gives no reason.
        calls: The calls of tools in it.
    """

    text: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    error_code: str | None = None
    retry_after_ns: int | None = None
    finish: FinishReason | None = None
    calls: tuple[ToolCall, ...] = ()

    @property
    def whole(self) -> str:
        """The text and the calls, as `Answer.text` has them."""
        return whole(self.text, self.calls)


class Answer(NamedTuple):
    """A provider's reply to one attempt, and what is recorded about it.

    Attributes:
        reply: What to play.
        fault_id: The fault that changed it; None if untouched.
        other_faults: Further faults that changed it, to a lesser degree.
        began: For each of these faults, the step of the reply at which it begins to act. If the client leaves before that
            step, the fault has not fired.
        ending: The outcome if the reply is played to its proper end and its status is a success: `ok`, unless a fault has
            spoilt it.
        error_code: The error body's own code, else its type; None where it is no error.
        retry_after_ns: Its Retry-After, in nanoseconds; None if it has none.
        text: The complete text that the provider meant to send; None if it meant to send none. Calls of tools are text in the form
            of `tools.called`, and vectors the texts that they spell, joined.
        text_sha256: Hash of the text, hexadecimal.
        tokens_in: Prompt tokens billed, those of the prompt cache among them.
        tokens_out: Completion tokens billed.
        cached: What the prompt cache had of the prompt; None where the provider does not report it.
    """

    reply: list[Step]
    fault_id: str | None = None
    other_faults: tuple[str, ...] = ()
    began: tuple[int, ...] = ()
    ending: AttemptOutcome = "ok"
    error_code: str | None = None
    retry_after_ns: int | None = None
    text: str | None = None
    text_sha256: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cached: CachedPart | None = None


def outcome(status: int | None, last: End | Close | Reset | Hang) -> AttemptOutcome:
    """Return how an exchange ended whose reply was played to its `last` step.

    A `Hang` ends only when the client goes.
    """
    if isinstance(last, Reset):
        return "reset"
    if isinstance(last, Hang):
        return "client_left"
    if isinstance(last, Close):
        return "cut"
    return "ok" if is_success(status) else "status"
