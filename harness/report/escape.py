"""Text of others (titles, names, messages) made safe for where it is written: nothing in it is markup there."""

from __future__ import annotations

import re
from html import escape as html

_MARKDOWN = re.compile(r"[\\`*\[\]<&|~$]|(?<![^\W_])_|_(?![^\W_])|(?<=:)//|(?<=www)\.")
"""What begins code, emphasis, a link, HTML, an entity, a table cell, a formula or an address."""
_LINE_START = re.compile(r"^(?:[#>+=-]|\d+(?=[.)]))")
"""What begins a heading, a quotation or a list."""
_MENTION = re.compile(r"@(?=\w)")
_RUNS_OF_TICKS = re.compile(r"`+")
# All that XML 1.0 cannot hold, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Control characters move a terminal's cursor, clear it or change its title; the others reverse the reading direction.
_NOT_PRINTED = re.compile("[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]")


def markdown(text: str) -> str:
    """Return a text for a line of Markdown, or a part of one: it is read there as it is written here."""
    line = _MARKDOWN.sub(r"\\\g<0>", terminal(" ".join(text.split())))
    line = _MENTION.sub("@\u200b", line)  # a space without width: GitHub would notify whoever has the name
    start = _LINE_START.match(line)
    if start is None:
        return line
    mark = start[0]
    return f"{mark}\\{line[len(mark) :]}" if mark.isdigit() else f"\\{line}"


def markdown_prose(text: str) -> str:
    """Return a sentence of ours for a line of Markdown: what it has between backticks is code."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:  # a backtick without its partner
        return markdown(text)
    marked = (markdown_code(piece) if place % 2 else _inner(piece) for place, piece in enumerate(pieces))
    return "".join(marked)


def _inner(piece: str) -> str:
    """Return a piece of a sentence as Markdown, with the spaces at its ends."""
    inner = markdown(piece)
    return f"{' ' if piece[:1].isspace() else ''}{inner}{' ' if inner and piece[-1:].isspace() else ''}"


def markdown_code(text: str) -> str:
    """Return a text as code in a line of Markdown, fenced by more backticks than it holds itself."""
    line = terminal(" ".join(text.split()))
    longest = max((len(run) for run in _RUNS_OF_TICKS.findall(line)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def markdown_block(text: str) -> str:
    """Return a text as a block of code in Markdown."""
    lines = terminal(text)
    longest = max((len(run) for run in _RUNS_OF_TICKS.findall(lines)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{lines}\n{fence}"


def xml(text: str) -> str:
    """Return a text without what XML cannot hold; whoever writes the XML escapes the rest."""
    return _NOT_XML.sub("\ufffd", text)


def terminal(text: str) -> str:
    """Return a text without characters that a terminal obeys; lines stay lines, tabs become spaces."""
    return _NOT_PRINTED.sub("\ufffd", text.replace("\t", " "))


def workflow_data(text: str) -> str:
    """Return the message of a GitHub workflow command, in one line."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def workflow_property(text: str) -> str:
    """Return a property of a GitHub workflow command."""
    return workflow_data(text).replace(":", "%3A").replace(",", "%2C")


__all__ = [
    "html",
    "markdown",
    "markdown_block",
    "markdown_code",
    "markdown_prose",
    "terminal",
    "workflow_data",
    "workflow_property",
    "xml",
]
