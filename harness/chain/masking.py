"""A configuration as it may be shown or sent elsewhere: keys are masked, and everything else is as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.chain.redact import NESTED
from harness.chain.scrub import HIDDEN, LENGTH_MIN, names_secret, scrub
from harness.chain.spec import DUMMY_KEY
from harness.document.nodes import scalars
from harness.document.places import Place, field_name
from harness.errors import UsageError

_HARMLESS = frozenset(["", "null", "~", "true", "false", "yes", "no", "on", "off"])
_REFERENCES = ("os.environ/", "env/")
_LOGIN = re.compile(r"(?<=://)[^/\s@]*@")


def masked(text: str, place: Place) -> str:
    """Return a value as it may be shown, given where it is: a reference to the environment stays."""
    if text.startswith(_REFERENCES) or text.lower() in _HARMLESS:
        return text
    return HIDDEN if _is_secret(place) else scrub(text)


def masked_lines(raw: bytes, path: Path) -> list[str]:
    """Return the lines of a YAML file with its keys masked; each line is the one that it was.

    A file that cannot be read has keys that cannot be found: then whatever follows a colon is masked.
    """
    text = raw.decode("utf-8-sig", "replace")
    hidden: set[str] = set()
    try:
        found = list(scalars(raw, path))
    except UsageError:
        unread = (line.partition(":") for line in _lines(text))
        return [_printable(f"{name}: {HIDDEN}" if colon else scrub(name)) for name, colon, _value in unread]
    parts, at = [], 0
    for each in sorted(found, key=lambda each: each.start):
        if (shown := masked(each.text, each.place)) != each.text:
            hidden |= {each.text} if len(each.text) >= LENGTH_MIN and shown == HIDDEN else set()
            written = text[each.start : each.end]
            parts += [text[at : each.start], shown.replace("\n", " ") + "\n" * written.count("\n")]
            at = each.end
    return [_printable(scrub(line, frozenset(hidden))) for line in _lines("".join([*parts, text[at:]]))]


def changes(before: Any, after: Any, place: Place = ()) -> Iterator[dict[str, Any]]:
    """Yield what differs between two pieces of data: `field`, `before` and `after`, keys masked; None is nothing."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys((*before, *after)):
            yield from changes(before.get(key), after.get(key), (*place, key))
    elif isinstance(before, list) and isinstance(after, list):
        for number in range(max(len(before), len(after))):
            yield from changes(_item(before, number), _item(after, number), (*place, number))
    elif before != after or isinstance(before, bool) != isinstance(after, bool):
        yield {"field": field_name(place), "before": _shown(before, place), "after": _shown(after, place)}


def with_dummies(value: Any, place: Place = ()) -> Any:
    """Return data with a dummy key for each secret in it, for where mocks answer: LiteLLM reads it as it would the other.

    A reference to the environment is a secret too if its name is: no variable is read where the data goes.
    """
    if isinstance(value, Mapping):
        return {key: with_dummies(item, (*place, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [with_dummies(item, (*place, number)) for number, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    named = bool(place) and str(place[-1]).endswith("_name")  # the name of a key is none
    return DUMMY_KEY if _is_secret(place) and not named else _LOGIN.sub("", value)


def _item(items: Sequence[Any], number: int) -> Any:
    return items[number] if number < len(items) else None


def _shown(value: Any, place: Place) -> Any:
    if isinstance(value, Mapping):
        return {scrub(str(key)): _shown(item, (*place, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_shown(item, place) for item in value]
    if value is None or isinstance(value, bool):
        return value
    return masked(value, place) if isinstance(value, str) else HIDDEN if _is_secret(place) else value


def _is_secret(place: Place) -> bool:
    """Return whether the name of a setting, or of one around it, is a secret's."""
    for name in place:
        if name in NESTED:
            return False
        if isinstance(name, str) and names_secret(name):
            return True
    return False


def _lines(text: str) -> list[str]:
    """Return the lines of a text by line feeds alone, as a difference counts them."""
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []


def _printable(line: str) -> str:
    """Return a line that does nothing to a terminal but to be shown."""
    return "".join(sign if sign.isprintable() or sign == "\t" else ascii(sign)[1:-1] for sign in line)
