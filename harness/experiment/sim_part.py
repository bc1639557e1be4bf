"""A process that simulates: `python -m harness.experiment.sim_part MODULE:FUNCTION…`, with the functions that answer its questions."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, get_type_hints

from harness import part
from harness.experiment.sim_pool import Answerer


def main() -> int:
    """Answer questions until standard input ends."""
    return part.answer(dict(_answerer(name) for name in sys.argv[1:]))


def _answerer(name: str) -> tuple[type[Any], Answerer]:
    """Return what a function is asked, and the function."""
    module, _, function = name.partition(":")
    found: Answerer = getattr(import_module(module), function)
    return next(iter(get_type_hints(found).values())), found


if __name__ == "__main__":
    sys.exit(main())
