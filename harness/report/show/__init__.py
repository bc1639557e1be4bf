"""What a notebook cell shows: one call, one block of HTML."""

from harness.report.show.answers import verdict
from harness.report.show.block import Block
from harness.report.show.drawn import pictures
from harness.report.show.fallback_table import fallbacks
from harness.report.show.measurement import command, glossary, measured
from harness.report.show.metrics_table import numbers
from harness.report.show.opening import heading

__all__ = ["Block", "command", "fallbacks", "glossary", "heading", "measured", "numbers", "pictures", "verdict"]
