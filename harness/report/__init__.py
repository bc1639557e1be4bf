"""A run made visible: pictures, notebooks, the page, the terminal, JUnit."""

from typing import TYPE_CHECKING

from harness.lazy import lazy_names

if TYPE_CHECKING:
    from harness.report.judged_run import JudgedRun, open_run

__all__ = ["JudgedRun", "open_run"]

# A list of runs needs no table library.
__getattr__ = lazy_names(__name__, {"JudgedRun": "judged_run", "open_run": "judged_run"})
