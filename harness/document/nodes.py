"""The nodes that a YAML parser finds: where values are in a text, and how the text is laid out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from harness.document.places import Place
from harness.document.reading import compose
from harness.document.writing import Style


class ScalarText(NamedTuple):
    """A value in YAML text.

    Attributes:
        place: Where it belongs.
        text: Its value as text.
        start: Where it begins, in characters.
        end: Where it ends.
    """

    place: Place
    text: str
    start: int
    end: int


def scalars(raw: bytes, path: Path) -> Iterator[ScalarText]:
    """Yield each value of a YAML file that is neither a mapping nor a list, once, read as YAML 1.1."""
    _text, root = compose(raw, path, older=True)
    met: set[int] = set()

    def walk(node: Node | None, place: Place) -> Iterator[ScalarText]:
        if node is None or id(node) in met:
            return
        met.add(id(node))
        if isinstance(node, MappingNode):
            for key, value in node.value:
                yield from walk(value, (*place, str(key.value)))
        elif isinstance(node, SequenceNode):
            for number, item in enumerate(node.value):
                yield from walk(item, (*place, number))
        else:
            yield ScalarText(place, str(node.value), node.start_mark.index, node.end_mark.index)

    return walk(root, ())


def in_brackets(node: Node) -> bool:
    """Return whether a node is a mapping in braces or a list in brackets."""
    return isinstance(node, MappingNode | SequenceNode) and bool(node.flow_style)


def leaves(node: Node) -> Iterator[Node]:
    """Yield the keys and the values within a node."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            yield key
            yield from leaves(value)
    elif isinstance(node, SequenceNode):
        for item in node.value:
            yield from leaves(item)
    else:
        yield node


def shared(root: Node | None) -> Iterator[int]:
    """Yield the identities of nodes that have an anchor or are used in several places."""
    met: set[int] = set()
    waiting = [] if root is None else [root]
    while waiting:
        node = waiting.pop()
        if node.anchor is not None or id(node) in met:
            yield id(node)
        if id(node) in met:
            continue
        met.add(id(node))
        if isinstance(node, MappingNode):
            waiting += [each for pair in node.value for each in pair]
        elif isinstance(node, SequenceNode):
            waiting += node.value


def style_of(root: Node | None) -> Style:
    """Return how a file indents: as its first blocks do."""
    steps: list[int] = []
    dashes: list[int] = []
    waiting = [] if root is None else [root]
    while waiting and not (steps and dashes):
        node = waiting.pop(0)
        if isinstance(node, MappingNode) and not node.flow_style:
            for key, value in node.value:
                into = steps if isinstance(value, MappingNode) else dashes
                is_block = isinstance(value, MappingNode | SequenceNode) and not value.flow_style and value.value
                if is_block and value.anchor is None:  # one with an anchor begins there, beside the key
                    into.append(max(0, value.start_mark.column - key.start_mark.column))
                waiting.append(value)
        elif isinstance(node, SequenceNode):
            waiting += node.value
    return Style(step=(steps or [2])[0] or 2, dash=(dashes or [2])[0])
