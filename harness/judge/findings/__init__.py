"""The behaviours that the judge looks for, one file each, and those of other packages."""

from __future__ import annotations

from harness.judge.findings.check_result import CheckResult
from harness.judge.findings.declaration import FindingKind
from harness.registry import Registry

FINDINGS = Registry("findings", package="harness.judge.findings", shape=FindingKind, name_of=lambda kind: kind.id)


def is_harm(finding: str) -> bool:
    """Return whether a finding means that a caller was deceived, or left waiting for nothing."""
    return finding in FINDINGS and FINDINGS[finding].harm


__all__ = ["FINDINGS", "CheckResult", "FindingKind", "is_harm"]
