"""Mocked calls of tools: the arguments of a tool, filled in and cut into the pieces in which a stream sends them.

They are canonical JSON, and the first text among them names the attempt. So what a caller has read of them, whatever came between,
can be compared with what was sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

from harness.provider import text as mocked
from harness.provider.answer import Tool
from harness.provider.reply import Send

CALLS_MAX = 2
"""How many tools a mocked model calls at once."""
_PLAIN = {"integer": "3", "number": "3", "boolean": "true"}


class MockCall(NamedTuple):
    """A call in a mocked answer.

    Attributes:
        name: Of the tool.
        pieces: Its arguments as a stream sends them, one token each.
        digits: 32 hexadecimal ones, of which the vendor's id of the call is made.
    """

    name: str
    pieces: tuple[str, ...]
    digits: str

    @property
    def arguments(self) -> str:
        """All of them."""
        return "".join(self.pieces)

    @property
    def text(self) -> str:
        """The call as text."""
        return f"{self.name}({self.arguments})"


def mocked_calls(
    tools: Sequence[Tool], attempt_id: str, tokens: int, digits: Callable[[str], str]
) -> tuple[MockCall, ...]:
    """Return a call of each tool. Their arguments are whole, however few tokens there are: they just get shorter.

    Args:
        tools: At least one.
        attempt_id: Which the first argument that is a text names.
        tokens: For all of them together; each takes at least one.
        digits: Returns 32 hexadecimal digits, given what they are for.
    """
    share, rest = divmod(tokens, len(tools))
    naming = next((tool for tool in tools if "string" in dict(tool.properties).values()), None)
    return tuple(
        MockCall(
            tool.name,
            _pieces(tool, attempt_id, max(1, share + (place < rest)), named=tool is naming),
            digits(f"call {place}"),
        )
        for place, tool in enumerate(tools)
    )


def _pieces(tool: Tool, attempt_id: str, tokens: int, *, named: bool) -> tuple[str, ...]:
    begin, end = "{", "}"
    words: tuple[str, ...] = ()
    for name, kind in sorted(tool.properties):
        key = json.dumps(name, ensure_ascii=False)
        if kind == "string" and not words:
            words = mocked.pieces(attempt_id, tokens) if named else _words(attempt_id, tokens)
            begin, end = f'{_more(begin)}{key}:"', '"}'
        elif kind == "string" or kind in _PLAIN:
            member = f"{key}:{_PLAIN.get(kind, _WORD)}"
            if words:
                end = f"{_more(end[:-1])}{member}}}"
            else:
                begin = f"{_more(begin)}{member}"
    if not words:
        return (begin + end,)
    *before, last = (begin + words[0], *words[1:])
    return (*before, last + end)


_WORD = '"chain"'


def _more(members: str) -> str:
    """Return the beginning of an object, ready for its next member."""
    return members if members.endswith("{") else f"{members},"


def _words(attempt_id: str, tokens: int) -> tuple[str, ...]:
    _name, first, *rest = mocked.pieces(attempt_id, tokens + 1)
    return first.lstrip(), *rest


def call_tokens(
    calls: Sequence[MockCall],
    *,
    begin: Callable[[int, MockCall], bytes],
    piece: Callable[[int, str], bytes],
    end: Callable[[int, MockCall], bytes] = lambda _place, _call: b"",
) -> list[Send]:
    """Return the tokens of a stream of calls.

    What begins a call leaves with its first token and what ends it with its last, so a fault that leaves tokens out leaves out the
    calls that have none left.

    Args:
        calls: In order.
        begin: Returns the event that begins a call, given its place.
        piece: Returns the event with a piece of its arguments, given its place and the piece.
        end: Returns the event that ends a call.
    """
    tokens: list[Send] = []
    for place, call in enumerate(calls):
        last = len(call.pieces) - 1
        for number, text in enumerate(call.pieces):
            begun = begin(place, call) if number == 0 else b""
            data = begun + piece(place, text)
            meant = f"{call.name}({text}" if begun else text
            tokens.append(Send(data + end(place, call), f"{meant})") if number == last else Send(data, meant))
    return tokens


def escaped(text: str) -> str:
    """Return a text as it is inside a JSON string."""
    return text if '"' not in text and text.isascii() else json.dumps(text)[1:-1]
