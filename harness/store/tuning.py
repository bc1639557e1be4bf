"""The folder of a tuning.

reports/tunings/<UTC time>/
  question.sha256  trials.jsonl  tuning.json  report.html  suggestion.yaml  suggestion.diff
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Self

from harness.scenario import TUNINGS
from harness.store.files import write_file
from harness.store.timed import TimedFolder

_QUESTION = "question.sha256"


class TuningFolder(TimedFolder):
    """Where one tuning is kept."""

    __slots__ = ()

    KIND: ClassVar[str] = TUNINGS
    DATA: ClassVar[str] = "tuning.json"

    @classmethod
    def of_question(cls, reports: Path, question: str, *, now: datetime | None = None) -> Self:
        """Return the folder of a tuning that was stopped before its end, or a new one.

        Args:
            reports: The folder of all runs.
            question: What is asked: the same text is the same question.
            now: When the folder is made, if it is.

        Raises:
            HarnessError: The folder cannot be made.
        """
        parent = reports.absolute() / TUNINGS
        asked = hashlib.sha256(question.encode()).hexdigest().encode()
        for path in sorted(parent.glob("*/"), reverse=True) if parent.is_dir() else ():
            kept = path / _QUESTION
            if kept.is_file() and kept.read_bytes() == asked and not (path / cls.DATA).exists():
                return cls(path)
        return cls.create(reports, now=now, fill=lambda path: write_file(path / _QUESTION, asked))

    @property
    def trials(self) -> Path:
        """What was tried, a line each."""
        return self.path / "trials.jsonl"

    @property
    def suggestion(self) -> Path:
        """The user's file as it should be."""
        return self.path / "suggestion.yaml"

    def write_suggestion(self, raw: bytes, diff: str) -> None:
        """Write the suggested file, and how it differs; the file may have secrets, as the user's own has."""
        write_file(self.suggestion, raw)
        self.suggestion.chmod(0o600)
        write_file(self.path / "suggestion.diff", diff.encode())
