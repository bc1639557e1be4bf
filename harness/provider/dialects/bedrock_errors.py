"""How Bedrock fails: the type of an error is in a header, and its body holds the message alone.

Types and statuses are those of https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html and of the operations
there. An error in a stream is a message of its own kind, of which there are five.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from harness.provider.answer import Answer, ParsedBody, Problem, Refusal
from harness.provider.dialects import aws_events, common, delays, wire
from harness.provider.dialects.bedrock_invoke import Data

HEADER = "x-amzn-errortype"

_THROTTLED, _MODEL, _INTERNAL, _UNAVAILABLE, _INVALID = (
    "throttlingException",
    "modelStreamErrorException",
    "internalServerException",
    "serviceUnavailableException",
    "validationException",
)
_STATUS: Mapping[Problem, int] = {
    "quota": 400,
    "spend_limit": 403,
    "overloaded": 429,
    "timeout": 408,
    "auth": 403,
    "too_large": 400,
}
_MODEL_FAILED = 424
"""A status that only one type has, whatever problem it is taken for."""


class _AwsError(NamedTuple):
    """An error: its type, its type inside a stream, and the message."""

    type: str
    in_stream: str
    message: str


_ERRORS = common.for_every_problem(
    {
        "rate_limit": _AwsError(
            "ThrottlingException", _THROTTLED, "Too many requests, please wait before trying again."
        ),
        "quota": _AwsError(
            "ServiceQuotaExceededException",
            _THROTTLED,
            "Your request exceeds the service quota for your account.",
        ),
        "spend_limit": _AwsError(
            "AccessDeniedException",
            _MODEL,
            "User is not authorized to perform: bedrock:InvokeModel with an explicit deny in an identity-based policy",
        ),
        "overloaded": _AwsError(
            "ModelNotReadyException", _UNAVAILABLE, "Model is not ready for inference. Please try again later."
        ),
        "server_error": _AwsError(
            "InternalServerException",
            _INTERNAL,
            "The system encountered an unexpected error during processing. Try your request again.",
        ),
        "unavailable": _AwsError(
            "ServiceUnavailableException", _UNAVAILABLE, "Bedrock is unable to process your request."
        ),
        "timeout": _AwsError(
            "ModelTimeoutException",
            _MODEL,
            "Model has timed out in processing the request. Try your request again.",
        ),
        "context_length": _AwsError("ValidationException", _INVALID, "Input is too long for requested model."),
        "content_filter": _AwsError("ValidationException", _INVALID, "Output blocked by content filtering policy"),
        "invalid_request": _AwsError(
            "ValidationException",
            _INVALID,
            "Malformed input request: #: required key [messages] not found, please reformat your input and try again.",
        ),
        "auth": _AwsError(
            "UnrecognizedClientException", _MODEL, "The security token included in the request is invalid."
        ),
        "permission": _AwsError(
            "AccessDeniedException", _MODEL, "You don't have access to the model with the specified model ID."
        ),
        "not_found": _AwsError(
            "ResourceNotFoundException",
            _MODEL,
            "Could not resolve the foundation model from the model identifier: {model}",
        ),
        "too_large": _AwsError(
            "ValidationException",
            _INVALID,
            "1 validation error detected: Value at 'body' failed to satisfy constraint: "
            "Member must have length less than or equal to 25000000",
        ),
        "unknown_path": _AwsError(
            "UnknownOperationException", _INVALID, "The requested operation is not recognized by the service."
        ),
    }
)
_MODEL_ERROR = _AwsError(
    "ModelErrorException", _MODEL, "The model returned an error while it was processing the request."
)


def fail(refusal: Refusal) -> Answer:
    """Return an error answer."""
    status, error = _of(refusal)
    sent = delays.sent(refusal.delay, "seconds")
    headers = (
        ("x-amzn-requestid", common.uuid(common.name(refusal.attempt_id, "error"))),
        (HEADER, f"{error.type}:http://internal.amazon.com/coral/com.amazon.bedrock/"),
        *sent.headers,
    )
    broken = refusal.violation
    message = common.named(error.message, refusal.call) if broken is None else broken.message
    body = {"message": delays.with_words(message, sent)}
    return Answer(
        reply=common.failure(status, headers, body),
        error_code=error.type,
        retry_after_ns=sent.ns,
    )


def _of(refusal: Refusal) -> tuple[int, _AwsError]:
    status, problem = common.failing(refusal, _STATUS)
    return status, _MODEL_ERROR if status == _MODEL_FAILED and refusal.problem is None else _ERRORS[problem]


def error_event(refusal: Refusal) -> bytes:
    """Return the message by which a stream ends in an error."""
    error = _of(refusal)[1]
    headers = aws_events.write_headers(
        {
            ":exception-type": error.in_stream,
            ":content-type": "application/json",
            ":message-type": "exception",
        }
    )
    return aws_events.write(headers, json.dumps({"message": common.named(error.message, refusal.call)}).encode())


def is_error(data: Data) -> bool:
    """Return whether an object is the body of an error: all that it holds is a message."""
    return bool(data) and all(name.lower() in ("message", "__type") for name in data)


def read(data: Data) -> ParsedBody:
    """Return the content of an error's body. A type is in it only where another service of AWS's answers."""
    kind = data.get("__type")
    code = wire.code_of(kind.rpartition("#")[2]) if isinstance(kind, str) else None
    return ParsedBody(error_code=code, retry_after_ns=delays.in_words(data.get("message") or data.get("Message")))
