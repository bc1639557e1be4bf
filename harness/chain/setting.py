"""What a user may set in the file that describes a chain: where it stands, what it says, and what is worth trying."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.chain.spec import Chain
from harness.document.places import Place, field_name

TIMEOUTS_S = (10, 20, 30, 60)
"""Of an attempt, worth trying. Shorter ones look free with a mocked provider, and would cut off the long answers of a real one."""
STREAM_TIMEOUTS_S = (5, 10, 20)
"""Of the first token or the time between two, worth trying."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One thing that a user may set.

    Attributes:
        place: Where in the file. The last key, and sections above it, may not be there yet.
        label: What people call it.
        value: What the file says, as plain data; None if it says nothing, and the host's own default holds.
        choices: What else is worth trying, as plain data, in order.
    """

    place: Place
    label: str
    value: Any
    choices: tuple[Any, ...]

    @classmethod
    def of(cls, place: Place, label: str, value: Any, tried: Sequence[Any]) -> Setting:
        """Return a setting whose choices are those of some values that the file does not have already."""
        return cls(place=place, label=label, value=value, choices=tuple(each for each in tried if each != value))


def at(data: Any, place: Place) -> Any:
    """Return what a file says at a place; None if nothing."""
    for part in place:
        if isinstance(part, int):
            data = data[part] if isinstance(data, list) and part < len(data) else None
        else:
            data = data.get(part) if isinstance(data, dict) else None
    return data


def put(data: Any, place: Place, value: Any) -> None:
    """Write a value into a file's data, and the sections above it that are not there; an item after the last one is added."""
    *above, last = place
    for part in above:
        if isinstance(data, dict) and data.get(part) is None:
            data[part] = {}
        elif isinstance(data, list) and part == len(data):
            data.append({})
        data = data[part]
    data[last] = value


def in_seconds(several: Sequence[int]) -> tuple[str, ...]:
    """Return times as a chain file has them."""
    return tuple(f"{each}s" for each in several)


def of_file(chain: Chain, written: Mapping[str, Any], offered: Mapping[Place, Sequence[Any]]) -> tuple[Setting, ...]:
    """Return what a chain file may set: its order, and what its driver takes.

    Args:
        chain: The chain in the file.
        written: The file's data.
        offered: What the driver offers, by place.
    """
    return (
        *_order(chain, written),
        *(found for place, tried in offered.items() for found in _setting(written, place, tried)),
    )


def _order(chain: Chain, written: Mapping[str, Any]) -> Iterator[Setting]:
    """Yield the order: who is asked first stays so, and nobody is taken out."""
    order = list(written["order"])
    others = [name for name in chain.providers if name not in order]
    if choices := [[order[0], *after] for after in fallback_orders(order[1:], others)]:
        yield Setting(place=("order",), label="order", value=order, choices=tuple(choices))


def fallback_orders(now: Sequence[str], others: Sequence[str]) -> Iterator[list[str]]:
    """Yield orders of fallbacks that are worth trying: each one tried first, and each of the others added, first or last.

    Args:
        now: Who is fallen back to.
        others: Who might be besides.
    """
    for name in [*now[1:], *others]:
        yield [name, *(each for each in now if each != name)]
    for name in others if now else ():
        yield [*now, name]


def _setting(written: Mapping[str, Any], place: Place, tried: Sequence[Any]) -> Iterator[Setting]:
    """Yield a setting, unless what stands above it leaves no room for it (`breaker: null`)."""
    if any(
        at(written, place[:depth]) is None and _is_written(written, place[:depth]) for depth in range(1, len(place))
    ):
        return
    yield Setting.of(place, field_name(place), at(written, place), tried)


def _is_written(data: Any, place: Place) -> bool:
    above = at(data, place[:-1])
    return isinstance(above, dict) and place[-1] in above
