"""Change values in YAML text, and nothing else: comments, order, quotation marks and line ends stay.

A parser says where each value begins and ends; only that text is replaced, or lines are added after it. The result is read
again, and what is not exactly as wanted is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from harness.document.nodes import in_brackets, leaves, shared, style_of
from harness.document.places import Place, field_name
from harness.document.reading import compose, parse
from harness.document.writing import block, entry, flow, list_item, scalar
from harness.errors import UsageError

_TAB = re.compile(r"^ *\t", re.MULTILINE)
_ALIAS = re.compile(r"\*[^\s,\]}]+")
_BLANK_LINE = re.compile(r"\n[ \t]*\r?\n(?=\w)")


def edited(raw: bytes, path: Path, wanted: Mapping[str, Any]) -> bytes:
    """Return a YAML file whose data is what is wanted, and whose text is otherwise the same, read as YAML 1.1.

    Args:
        raw: The file, which holds a mapping or nothing.
        path: For errors.
        wanted: What the new file is to hold. No mapping of the file may lose a key, unless it is an item of a list.

    Raises:
        UsageError: The file cannot be read, or cannot be changed without a doubt; names the line and the reason.
    """
    text, root = compose(raw, path, older=True)
    if found := _TAB.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise UsageError("a tab is used to indent: not changed", where=f"{path}:{line}", hint="indent with spaces")
    editor = _Editor(text, path, root)
    before = parse(raw, path, older=True).data
    editor.change(root, before, wanted)
    head = raw[: len(raw) - len(raw.removeprefix(b"\xef\xbb\xbf"))]
    result = head + editor.result().encode()
    try:
        after = parse(result, path, older=True).data
    except UsageError as error:
        raise UsageError(f"cannot be changed safely: {error.problem}", where=error.where) from None
    if not _same(after, wanted):
        raise UsageError("cannot be changed safely: the result would hold something else", where=str(path))
    return result


def _same(one: Any, other: Any) -> bool:
    """Return whether two pieces of data are equal: a truth value is no number, and the order of keys does not matter."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


class _Splice(NamedTuple):
    start: int
    end: int
    text: str


class _Editor:
    """Collects the changes of one text.

    Args:
        text: The whole file.
        path: For errors.
        root: Its root; None for a file without data.
    """

    def __init__(self, text: str, path: Path, root: Node | None) -> None:
        self._text = text
        self._path = path
        self._splices: list[_Splice] = []
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._shared = set(shared(root))
        self._style = style_of(root)

    def result(self) -> str:
        """Return the text with all changes."""
        parts, at = [], 0
        for splice in sorted(self._splices, key=lambda splice: splice.start):  # stable: what is inside comes first
            parts += [self._text[at : splice.start], splice.text]
            at = splice.end
        return "".join([*parts, self._text[at:]])

    def change(self, root: Node | None, old: Any, new: Mapping[str, Any]) -> None:
        """Note what must change for the whole file to hold `new`."""
        if root is None:
            start = len(self._text.rstrip())
            lead = self._newline * 2 if start else ""
            self._splice(start, start, lead + self._lines(block(new, self._style), 0, first=True))
            if not self._text.endswith("\n"):
                self._insert(len(self._text), self._newline)
        elif not isinstance(root, MappingNode):
            raise self._error("expected a mapping", root, (), hint=None)
        else:
            self._value(None, root, old, new, ())

    def _value(self, key: Node | None, node: Node, old: Any, new: Any, place: Place, *, in_flow: bool = False) -> None:
        """Note what must change for a value to become another.

        Args:
            key: Its key; None for the whole file and for an item of a list.
            node: The value's.
            old: What it is.
            new: What it is to be.
            place: Where it is.
            in_flow: It is inside of brackets or braces.
        """
        if _same(old, new):
            return
        if id(node) in self._shared:
            raise self._error("an anchor or alias is in what must change", key or node, place)
        if isinstance(node, MappingNode) and isinstance(new, Mapping) and node.value and old.keys() <= new.keys():
            self._mapping(node, old, new, place, in_flow=in_flow or bool(node.flow_style))
        elif isinstance(node, SequenceNode) and isinstance(new, list | tuple) and node.value and new:
            self._sequence(node, old, new, place, in_flow=in_flow or bool(node.flow_style))
        else:
            self._replace(key, node, new, place, in_flow=in_flow)

    def _mapping(self, node: MappingNode, old: Any, new: Mapping[str, Any], place: Place, *, in_flow: bool) -> None:
        keys = [str(key.value) for key, _value in node.value]
        if "<<" in keys:
            raise self._error("a merge key is in what must change", node, place)
        for key, value in node.value:
            name = str(key.value)
            if not _same(old[name], new[name]) and keys.count(name) > 1:
                raise self._error(f"{name!r} is written twice", key, (*place, name), hint="remove one of them")
            self._value(key, value, old[name], new[name], (*place, name), in_flow=in_flow)
        added = {key: value for key, value in new.items() if key not in old}
        if not added:
            return
        end = self._end(*node.value[-1])
        if in_flow:
            self._insert(end, "".join(f", {scalar(key)}: {flow(value)}" for key, value in added.items()))
            return
        column = node.value[0][0].start_mark.column
        apart = self._newline if not place and _BLANK_LINE.search(self._text) else ""
        for key, value in added.items():
            lines = self._lines(entry(key, value, self._style), column)
            self._insert(self._line_end(end), apart + self._newline + lines)

    def _sequence(self, node: SequenceNode, old: Any, new: Sequence[Any], place: Place, *, in_flow: bool) -> None:
        for number, item in enumerate(node.value[: len(new)]):
            self._value(None, item, old[number], new[number], (*place, number), in_flow=in_flow)
        end = self._end_of_items(node)
        if len(new) < len(old):
            start = self._end_of_items(node, len(new))
            start = start if in_flow else self._line_end(start)
            self._check_comments(node.value[len(new) :], start, end, place)
            self._splice(start, end, "")
        added = new[len(old) :]
        if in_flow:
            self._insert(end, "".join(f", {flow(value)}" for value in added))
            return
        column = node.start_mark.column
        last = node.value[-1].start_mark
        width = last.column - column if last.line >= node.start_mark.line else 0
        for value in added:
            lines = self._lines(list_item(value, self._style, max(2, width)), column)
            self._insert(self._line_end(end), self._newline + lines)

    def _replace(self, key: Node | None, node: Node, new: Any, place: Place, *, in_flow: bool) -> None:
        """Note that a whole value becomes another."""
        style = node.style if isinstance(node, ScalarNode) else None
        is_scalar = isinstance(node, ScalarNode)
        start, end = node.start_mark.index, self._end(key, node)
        if not is_scalar:
            self._check_comments([node], start, end, place)
        nested = isinstance(new, Mapping | list | tuple) and bool(new)
        nothing = start == node.end_mark.index if is_scalar else not node.value
        is_block = not (is_scalar or nothing or in_brackets(node))
        if key is not None and (nothing or is_block):
            self._replace_below(key, new, (start, end), is_block=is_block, on_lines=nested and not in_flow)
        elif is_block and nested:
            self._splice(start, end, self._lines(block(new, self._style), node.start_mark.column, first=True))
        elif isinstance(new, str):
            self._splice(start, end, scalar(new, style if style in ("'", '"') else None))
        else:
            self._splice(start, end, flow(new))

    def _replace_below(self, key: Node, new: Any, old: tuple[int, int], *, is_block: bool, on_lines: bool) -> None:
        """Note that a value becomes another which is on the lines below its key, or of which nothing is written.

        Args:
            key: Its key.
            new: What it is to be.
            old: Where it begins and ends.
            is_block: It is on the lines below its key.
            on_lines: So is the new one.
        """
        colon = self._colon(key)
        column = key.start_mark.column + (self._style.step if isinstance(new, Mapping) else self._style.dash)
        lines = self._newline + self._lines(block(new, self._style), column) if on_lines else ""
        if is_block:
            if not on_lines:
                self._splice(colon, colon, f" {flow(new)}")
            self._splice(self._line_end(self._text.rfind("\n", 0, old[0])), old[1], lines)
            return
        stop = max(colon, old[1]) if old[0] >= colon and old[0] != old[1] else colon
        self._splice(colon, stop, "" if on_lines else f" {flow(new)}")
        if on_lines:
            self._insert(self._line_end(stop), lines)

    def _check_comments(self, nodes: Sequence[Node], start: int, end: int, place: Place) -> None:
        """Refuse to remove a text in which there is a comment between the values of nodes."""
        values = sorted((value for node in nodes for value in leaves(node)), key=lambda value: value.start_mark.index)
        at = start
        for value in values:
            if "#" in self._text[at : value.start_mark.index]:
                break
            at = max(at, value.end_mark.index)
        else:
            if "#" not in self._text[at:end]:
                return
        hint = "remove the comment, or change this by hand"
        raise self._error("a comment is in what must change", nodes[0], place, hint=hint)

    def _end(self, key: Node | None, node: Node) -> int:
        """Return where a value ends, without the space and comments after it."""
        if key is not None and node.start_mark.index == node.end_mark.index:
            return self._colon(key)  # nothing is written: its marks are those of what comes next
        if key is not None and node.start_mark.index < key.end_mark.index:
            return self._alias_end(self._colon(key))
        if isinstance(node, MappingNode) and node.value and not node.flow_style:
            return self._end(*node.value[-1])
        if isinstance(node, SequenceNode) and node.value and not node.flow_style:
            return self._end_of_items(node)
        return len(self._text[: node.end_mark.index].rstrip())

    def _end_of_items(self, node: SequenceNode, count: int | None = None) -> int:
        """Return where the last item of a list ends, or the last one of the first few."""
        *before, last = node.value[:count]
        least = before[-1].end_mark.index if before else node.start_mark.index
        if last.start_mark.index < node.start_mark.index:
            return self._alias_end(max(least, node.start_mark.index))
        return self._end(None, last)

    def _alias_end(self, at: int) -> int:
        """Return where the next alias ends: the marks of its node are those of its anchor."""
        found = _ALIAS.search(self._text, at)
        return at if found is None else found.end()

    def _colon(self, key: Node) -> int:
        """Return the place after the colon of a key."""
        return self._text.index(":", key.end_mark.index) + 1

    def _line_end(self, at: int) -> int:
        """Return the end of a line, before its line end."""
        found = self._text.find("\n", at)
        found = len(self._text) if found < 0 else found
        return found - 1 if self._text[max(0, found - 1) : found] == "\r" else found

    def _splice(self, start: int, end: int, text: str) -> None:
        self._splices.append(_Splice(start, end, text))

    def _insert(self, at: int, text: str) -> None:
        self._splice(at, at, text)

    def _lines(self, lines: Sequence[str], column: int, *, first: bool = False) -> str:
        """Return lines as text, indented; the first one is not if it continues a line."""
        indent = " " * column
        text = self._newline.join(indent + line for line in lines)
        return text[column:] if first else text

    def _error(
        self,
        problem: str,
        node: Node,
        place: Place,
        *,
        hint: str | None = "write the value out in the file, and try again",
    ) -> UsageError:
        where = f"{self._path}:{node.start_mark.line + 1}"
        return UsageError(
            f"{problem}: not changed", where=f"{where}: {field_name(place)}" if place else where, hint=hint
        )
