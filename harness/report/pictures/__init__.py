"""One picture per function: a JudgedRun in, a matplotlib Figure out."""

from harness.report.pictures.overhead import overhead_ecdf
from harness.report.pictures.retry_gaps import retry_gaps
from harness.report.pictures.success import phase_ci, success_after_fallback
from harness.report.pictures.timeline import timeline
from harness.report.pictures.waterfall import waterfall

ALL = (timeline, retry_gaps, overhead_ecdf, success_after_fallback, phase_ci, waterfall)

__all__ = ["ALL", "overhead_ecdf", "phase_ci", "retry_gaps", "success_after_fallback", "timeline", "waterfall"]
