"""What a notebook cell shows: one call, one block of HTML."""

from harness.report.show.answers import verdict
from harness.report.show.block import Block
from harness.report.show.compared import better_or_worse, differences
from harness.report.show.drawn import pictures
from harness.report.show.fallback_table import fallbacks
from harness.report.show.measurement import command, glossary, measured
from harness.report.show.metrics_table import numbers
from harness.report.show.opening import heading, opening
from harness.report.show.overhead_table import overhead_split
from harness.report.show.request_tables import alike, request, worst
from harness.report.show.retry_tables import lockstep, retry_after, retry_backoff, retry_gaps
from harness.report.show.served_table import not_served, success, success_over_time
from harness.report.show.suites import not_passed, side_by_side
from harness.report.show.trending import kept_runs, last_week, periods, trend

__all__ = [
    "Block",
    "alike",
    "better_or_worse",
    "command",
    "differences",
    "fallbacks",
    "glossary",
    "heading",
    "kept_runs",
    "last_week",
    "lockstep",
    "measured",
    "not_passed",
    "not_served",
    "numbers",
    "opening",
    "overhead_split",
    "periods",
    "pictures",
    "request",
    "retry_after",
    "retry_backoff",
    "retry_gaps",
    "side_by_side",
    "success",
    "success_over_time",
    "trend",
    "verdict",
    "worst",
]
