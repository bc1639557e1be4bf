"""Reading and rewriting what providers send, mocked or real: events and JSON of any shape. Garbage counts as empty."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from harness.provider.answer import ParsedBody

_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n")
_COUNT_MAX = 2**62
_USAGE = re.compile(rb'"usage[A-Za-z]*"\s*:\s*[^\sn]')
"""Most events of a stream have no usage, or null: this finds out without decoding them a second time."""
_CODE = re.compile(r"-?[A-Za-z0-9_.\-]{1,80}")
_EVENT = re.compile(rb".+?(?:\r\n\r\n|\n\n|\r\r|\Z)", re.DOTALL)


def bytes_of(event: bytes) -> bytes:
    """Return the content of an event's `data:` lines; empty for a comment."""
    lines = [line[5:].removeprefix(b" ") for line in event.splitlines() if line.startswith(b"data:")]
    return b"\n".join(lines).strip()


def data_of(event: bytes) -> dict[str, Any]:
    """Return the JSON object in an event's data; empty where it is none."""
    return as_object(load(bytes_of(event)))


def load(raw: bytes | str) -> Any:
    """Return JSON; None where it is none."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def with_data(event: bytes, data: Any, *, kind: str | None = None) -> bytes:
    """Return an event with other data, and of another kind if one is given."""
    lines = [line for line in event.splitlines() if line and not line.startswith(b"data:")]
    if kind is not None:
        lines = [b"event: " + kind.encode() if line.startswith(b"event:") else line for line in lines]
    lines.append(b"data: " + json.dumps(data, separators=(",", ":")).encode())
    return b"\n".join(lines) + b"\n\n"


def without(event: bytes, key: str, *within: str) -> bytes:
    """Return events whose objects, or objects within them, lack a field; as they are where they have none."""
    if f'"{key}"'.encode() not in event:
        return event
    return b"".join(_without(each, key, within) for each in _EVENT.findall(event))


def _without(event: bytes, key: str, within: tuple[str, ...]) -> bytes:
    data = data_of(event)
    places = [data, *(as_object(data.get(name)) for name in within)]
    if not any(key in place for place in places):
        return event
    for place in places:
        place.pop(key, None)
    return with_data(event, data)


def error_in(read_body: Callable[[int, bytes], ParsedBody], event: bytes) -> ParsedBody | None:
    """Return the error by which an event ends a stream; None if it holds none.

    Args:
        read_body: Of the dialect.
        event: With its blank line.
    """
    if b'"error"' not in event:
        return None
    data = data_of(event)
    error = data.get("error") or as_object(data.get("response")).get("error")
    if not error and data.get("type") == "error":
        error = data
    if not error:
        return None
    parsed = read_body(500, bytes_of(event))
    stated = error if isinstance(error, dict) else {"code": error}
    return parsed._replace(error_code=parsed.error_code or code_of(stated.get("code"), stated.get("type")))


def is_answer(body: bytes) -> bool:
    """Return whether a plain body is an answer, whatever its status: JSON, and no error."""
    data = load(body)
    return data is not None and not as_object(data).get("error")


def is_event(event: bytes) -> bool:
    """Return whether an event is a comment, or has a JSON object for its data."""
    raw = bytes_of(event)
    return not raw or bool(as_object(load(raw)))


def usage_in(event: bytes, usage: str, tokens_in: str, tokens_out: str, *within: str) -> tuple[int | None, int | None]:
    """Return the tokens in and out that an event reports as billed; None for what it does not report.

    Args:
        event: With its blank line.
        usage: The field of the usage.
        tokens_in: Its field of the prompt's tokens.
        tokens_out: Its field of the answer's.
        within: Objects of the event that may hold the usage, beside the event itself.
    """
    if _USAGE.search(event) is None:
        return None, None
    data = data_of(event)
    for holder in (data, *(as_object(data.get(name)) for name in within)):
        if counts := as_object(holder.get(usage)):
            return count_of(counts.get(tokens_in)), count_of(counts.get(tokens_out))
    return None, None


def as_object(value: Any) -> dict[str, Any]:
    """Return an object, or an empty one in the place of anything else."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a list; none where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text_of(value: Any) -> str:
    """Return a text, or the texts of a list of parts joined; half a surrogate pair becomes a question mark."""
    if isinstance(value, list):
        return "".join(text_of(part.get("text")) for part in objects(value))
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def model_names(body: bytes) -> tuple[str, ...] | None:
    """Return the names in a list of models, whoever's it is; None where it is no such list."""
    data = load(body)
    holders = [data, as_object(data).get("data"), as_object(data).get("models")]
    listed = next((each for each in holders if isinstance(each, list)), None)
    if listed is None:
        return None
    named = (model.get("id") or model.get("name") for model in objects(listed))
    return tuple(name.removeprefix("models/") for name in named if isinstance(name, str))


def message_of(body: bytes) -> str:
    """Return the message of an error's body, in whatever shape; empty where it has none."""
    data = as_object(load(body))
    inside = next((found for name in ("error", "detail", "errors") if (found := data.get(name))), data)
    inside = next(iter(objects(inside)), {}) if isinstance(inside, list) else inside
    stated = [as_object(inside).get(name) for name in ("message", "detail", "title")] + [inside, data.get("message")]
    return next((text for text in stated if isinstance(text, str) and text), "")


def count_of(value: Any) -> int | None:
    """Return a count of tokens; None where it is none."""
    return value if type(value) is int and 0 <= value < _COUNT_MAX else None


def code_of(*values: Any) -> str | None:
    """Return the first of some codes that is one: a word or number, not a sentence, which may quote a key."""
    for value in values:
        if (isinstance(value, str) or type(value) is int) and _CODE.fullmatch(str(value)):
            return str(value)
    return None


def split(rest: bytes, data: bytes) -> tuple[list[bytes], bytes]:
    """Return the complete events, each with its blank line, and the rest.

    Args:
        rest: The rest of the last call.
        data: Received since then.
    """
    events = []
    begin = 0
    text = rest + data
    for match in _BLANK_LINE.finditer(text, max(0, len(rest) - 3)):
        events.append(text[begin : match.end()])
        begin = match.end()
    return events, text[begin:]
