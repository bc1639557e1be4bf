"""What a vendor can have of its own among those that speak OpenAI's chat completions: fields, shapes of errors, headers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from harness.provider.answer import Problem, Violation
from harness.provider.dialects.chat import ChatError, Flavour
from harness.provider.dialects.openai import ERRORS
from harness.provider.limit import Quota
from harness.provider.reply import Headers
from harness.quantities import S

Shape = Callable[[int, ChatError, str], dict[str, Any]]
"""Returns the body of an error, given its status, its words and its message with the model's name filled in."""


def under_error(_status: int, error: ChatError, message: str) -> dict[str, Any]:
    """Return OpenAI's own shape."""
    return {"error": error.body(message)}


def brief(_status: int, error: ChatError, message: str) -> dict[str, Any]:
    """Return OpenAI's own shape without the fields that are null."""
    return {"error": {name: value for name, value in error.body(message).items() if value is not None}}


def with_request_id(_status: int, error: ChatError, message: str) -> dict[str, Any]:
    """Return OpenAI's own shape with the name of the call beside it."""
    return {"error": error.body(message), "request_id": "00000000-0000-4000-8000-000000000000"}


def as_problem(status: int, error: ChatError, message: str) -> dict[str, Any]:
    """Return a problem as RFC 9457 has it."""
    return {"status": status, "title": error.code, "detail": message}


def of_databricks(_status: int, error: ChatError, message: str) -> dict[str, Any]:
    """Return the code and the message as all of Databricks' APIs have them."""
    return {"error_code": error.code, "message": message}


def of_mistral(status: int, error: ChatError, message: str) -> dict[str, Any]:
    """Return Mistral's fields, which have no object around them."""
    return {"object": "error", **error.body(message), "raw_status_code": status}


def bare(_status: int, error: ChatError, message: str) -> dict[str, Any]:
    """Return OpenAI's fields without an object around them."""
    return error.body(message)


def as_text(_status: int, error: ChatError, message: str) -> dict[str, Any]:
    """Return a code, and the message under `error`."""
    return {"code": error.code or error.type, "error": message}


def in_envelope(_status: int, error: ChatError, message: str) -> dict[str, Any]:
    """Return the envelope of Cloudflare's API, with a number for a code."""
    return {
        "errors": [{"message": message, "code": int(error.code or 0)}],
        "success": False,
        "result": {},
        "messages": [],
    }


class Vendor(NamedTuple):
    """One vendor.

    Attributes:
        source: Where the facts are from.
        home: Its address without `base`; None if each customer has one, or it is not known.
        base: What a client appends to the host before `/chat/completions`.
        keys: Environment variables that LiteLLM reads the key from; `NAME_API_KEY` if none.
        request_id: The header that names a call.
        model: Returns what LiteLLM asks it for, given a model's name without the prefix.
        flavour: What its answers have beside OpenAI's fields.
        errors: Its words for those problems that it does not call as OpenAI does.
        statuses: Those of its statuses that are unusual.
        shape: Of an error's body.
        limits: Returns the headers with what is left of its limits, given the time in nanoseconds since 1970; None if it sends none.
        broken: Returns the rule of its own for conversations that a chat completion breaks; None if it has none.
        sdk: See `Dialect.sdk`; most vendors document OpenAI's SDK, which needs the argument.
    """

    source: str
    home: str | None
    base: str = "/v1"
    keys: tuple[str, ...] = ()
    request_id: str = "x-request-id"
    model: Callable[[str], str] = str
    flavour: Flavour = Flavour()
    errors: Mapping[Problem, ChatError] = {}
    statuses: Mapping[Problem, int] = {}
    shape: Shape = under_error
    limits: Callable[[Quota, int], Headers] | None = None
    broken: Callable[[Mapping[str, Any]], Violation | None] | None = None
    sdk: str = 'OpenAI(base_url="{address}")'

    def error(self, problem: Problem) -> ChatError:
        """Return the words for a problem."""
        return self.errors.get(problem) or ERRORS[problem]


def limits_of_mistral(quota: Quota, _wall_ns: int) -> Headers:
    """Return Mistral's headers, which do not tell the time to the reset."""
    return tuple(
        pair
        for name, level in (("req-minute", quota.requests), ("tokens-minute", quota.tokens))
        if level is not None
        for pair in (
            (f"x-ratelimit-limit-{name}", str(level.limit)),
            (f"x-ratelimit-remaining-{name}", str(level.remaining)),
        )
    )


def limits_of_cerebras(quota: Quota, _wall_ns: int) -> Headers:
    """Return Cerebras' headers, with the time to the reset in seconds."""
    return tuple(
        pair
        for name, level in (("requests-day", quota.requests), ("tokens-minute", quota.tokens))
        if level is not None
        for pair in (
            (f"x-ratelimit-limit-{name}", str(level.limit)),
            (f"x-ratelimit-remaining-{name}", str(level.remaining)),
            (f"x-ratelimit-reset-{name}", f"{level.reset_ns / S:.3f}"),
        )
    )


def limits_of_together(quota: Quota, _wall_ns: int) -> Headers:
    """Return Together's headers, with the time to the reset in seconds."""
    return tuple(
        pair
        for name, level in (("ratelimit", quota.requests), ("tokenlimit", quota.tokens))
        if level is not None
        for pair in (
            (f"x-{name}-limit", str(level.limit)),
            (f"x-{name}-remaining", str(level.remaining)),
            (f"x-{name}-reset", str(-(-level.reset_ns // S))),
        )
    )


def limits_of_sambanova(quota: Quota, wall_ns: int) -> Headers:
    """Return SambaNova's headers, with the reset as a time in seconds since 1970. It has none for tokens."""
    level = quota.requests
    if level is None:
        return ()
    return (
        ("x-ratelimit-limit-requests", str(level.limit)),
        ("x-ratelimit-remaining-requests", str(level.remaining)),
        ("x-ratelimit-reset-requests", str(-(-(wall_ns + level.reset_ns) // S))),
    )
