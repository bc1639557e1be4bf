"""Mocked calls of tools: the arguments of a tool, filled in and cut into the pieces in which a stream sends them.

They are canonical JSON, and the first text among them names the attempt. So what a caller has read of them, whatever came between,
can be compared with what was sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from harness.provider import text as mocked
from harness.provider.answer import Tool
from harness.provider.reply import Send
from harness.provider.tools import canonical

CALLS_MAX = 2
"""How many tools a mocked model calls at once."""
_FILLED: Mapping[str, object] = {"string": "chain", "integer": 3, "number": 3, "boolean": True}
"""What an argument of each type is, but for the first text."""


class MockCall(NamedTuple):
    """A call in a mocked answer.

    Attributes:
        name: Of the tool.
        pieces: Its arguments as a stream sends them, one token each.
        arguments: All of them.
        digits: 32 hexadecimal ones, of which the vendor's id of the call is made.
    """

    name: str
    pieces: tuple[str, ...]
    arguments: str
    digits: str

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
    naming = next((tool for tool in tools if _around(tool) is not None), None)
    made = []
    for place, tool in enumerate(tools):
        pieces = _pieces(tool, attempt_id, max(1, share + (place < rest)), named=tool is naming)
        made.append(MockCall(tool.name, pieces, "".join(pieces), digits(f"call {place}")))
    return tuple(made)


def _pieces(tool: Tool, attempt_id: str, tokens: int, *, named: bool) -> tuple[str, ...]:
    around = _around(tool)
    if around is None:
        return (_without_text(tool),)
    begin, end = around
    if named:
        words = mocked.pieces(attempt_id, tokens)
    else:
        _name, first, *rest = mocked.pieces(attempt_id, tokens + 1)
        words = (first.lstrip(), *rest)
    if len(words) == 1:
        return (begin + words[0] + end,)
    return (begin + words[0], *words[1:-1], words[-1] + end)


@lru_cache(maxsize=64)  # the callers of one chain offer few tools
def _around(tool: Tool) -> tuple[str, str] | None:
    """Return the arguments of a tool before their first text and after it; None if none is a text."""
    members = dict(sorted(tool.properties))
    first = next((name for name, kind in members.items() if kind == "string"), None)
    if first is None:
        return None
    filled = {name: _FILLED[kind] for name, kind in members.items() if kind in _FILLED} | {first: "|"}
    key = f"{json.dumps(first, ensure_ascii=False)}:"
    begin, _, end = canonical(json.dumps(filled)).partition(f'{key}"|"')
    return f'{begin}{key}"', f'"{end}'


@lru_cache(maxsize=64)
def _without_text(tool: Tool) -> str:
    return canonical(json.dumps({name: _FILLED[kind] for name, kind in tool.properties if kind in _FILLED}))


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
