"""Metrics, findings and the verdict: pure functions of a plan and a history."""

from harness.judge.result import ExpectationResult, Finding, Metrics, Status, Value, Verdict

__all__ = ["ExpectationResult", "Finding", "Metrics", "Status", "Value", "Verdict"]
