"""Numbers fixed by a seed and a key."""

from __future__ import annotations

from hashlib import blake2b

SEED_MAX = 2**53
"""The largest seed: programs that read JSON as floating-point numbers know it exactly."""


def draw(seed: int, *key: str | int) -> float:
    """Return a number in [0, 1) fixed by the seed and the key alone.

    A sequential generator would hand its numbers out in arrival order, so one slow
    request would change every later fault. A keyed draw cannot.
    """
    text = "\x1f".join(map(str, (seed, *key)))
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53
