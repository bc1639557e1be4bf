"""One picture per function: a Run in, a matplotlib Figure out."""

from harness.report.plots.overhead import overhead_ecdf
from harness.report.plots.retry_gaps import retry_gaps
from harness.report.plots.success import phase_ci, success_after_fallback
from harness.report.plots.timeline import timeline
from harness.report.plots.waterfall import waterfall

ALL = (timeline, retry_gaps, overhead_ecdf, success_after_fallback, phase_ci, waterfall)

__all__ = ["ALL", "overhead_ecdf", "phase_ci", "retry_gaps", "success_after_fallback", "timeline", "waterfall"]
