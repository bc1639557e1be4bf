"""Calls of tools: their text, which is the same from whatever form a provider or a gateway gives them, and how pieces become calls."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple


class ToolCall(NamedTuple):
    """A call of a tool, or in a stream a piece of one.

    Attributes:
        name: Of the tool; empty in a call's later pieces.
        arguments: JSON as it came, or a piece of it.
        id: The provider's name for the call; empty where it has none, and in later pieces.
        place: Which of the answer's calls it is, as the provider counts; None where each piece is a whole call.
        signature: Gemini's thought signature, which later turns must return; empty for none.
    """

    name: str = ""
    arguments: str = ""
    id: str = ""
    place: int | None = None
    signature: str = ""

    @property
    def text(self) -> str:
        """The call as text; see `called`."""
        return called(self.name, self.arguments)


class CallPieces(NamedTuple):
    """What an event of a stream holds that carries pieces of calls.

    Attributes:
        text: The model's text beside them; empty for none.
        calls: The pieces, in order.
    """

    text: str
    calls: tuple[ToolCall, ...]


def begins(piece: ToolCall, id_: str) -> bool:
    """Return whether a piece begins another call at the place of one that has begun, given the id of that one."""
    return (piece.place is None and bool(piece.name)) or bool(piece.id and piece.id != id_)


def joined(pieces: Iterable[ToolCall]) -> tuple[ToolCall, ...]:
    """Return the calls that the pieces of a stream make, in the order in which they began."""
    calls: list[ToolCall] = []
    where: dict[int | None, int] = {}
    for piece in pieces:
        at = where.get(piece.place)
        if at is None or begins(piece, calls[at].id):
            where[piece.place] = len(calls)
            calls.append(piece)
        else:
            begun = calls[at]
            calls[at] = begun._replace(name=begun.name or piece.name, arguments=begun.arguments + piece.arguments)
    return tuple(calls)


def whole(text: str, calls: Iterable[ToolCall]) -> str:
    """Return an answer as text: the model's own, then its calls."""
    return text + "".join(call.text for call in calls)


def called(name: str, arguments: str) -> str:
    """Return a call of a tool as text: `get_weather({"city":"Paris"})`.

    Args:
        name: The tool's.
        arguments: JSON as it came; spaces, the order of its keys and the spelling of its numbers do not count. What is no JSON stays
            as it is.
    """
    return f"{name}({canonical(arguments)})"


def canonical(arguments: str) -> str:
    """Return JSON in its shortest form, its keys sorted; what is no JSON as it is. No text at all means no arguments: `{}`."""
    try:
        data = json.loads(arguments or "{}", parse_float=_number)
        return json.dumps(data, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    except (ValueError, RecursionError):
        return arguments


def _number(spelled: str) -> float | int:
    """Return a number that some languages write as `3.0` and others as `3` in one form."""
    number = float(spelled)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number
