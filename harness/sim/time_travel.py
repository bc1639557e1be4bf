"""time-machine without pytest: it is a plugin of pytest's too, and imports all of that where it can."""

from __future__ import annotations

import sys
from typing import Any

_modules: dict[str, Any] = sys.modules
_alone = "pytest" not in _modules
if _alone:
    _modules["pytest"] = None  # what cannot be imported
try:
    import time_machine
finally:
    if _alone:
        del _modules["pytest"]

__all__ = ["time_machine"]
