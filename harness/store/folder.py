"""A run's folder.

reports/<scenario>/<UTC time>-<seed>/
  plan.json  environment.json  capture/*.jsonl  requests.parquet  attempts.parquet  faults.parquet  health.parquet
  metrics.json  verdict.json  junit.xml  report.html  logs/
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, UsageError
from harness.history import History
from harness.scenario import Plan
from harness.store import tables
from harness.store.compact import compact
from harness.store.format import FORMAT, decode, encode

_TRIES_MAX = 1000


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where one run is kept.

    Attributes:
        path: Absolute.
    """

    path: Path

    @classmethod
    def create(cls, reports: Path, plan: Plan, *, now: datetime | None = None) -> RunFolder:
        """Make the folder of a new run, with its plan; a clash of names gets `-2`, `-3`, ….

        Raises:
            HarnessError: The folder cannot be made.
        """
        stamp = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H-%M-%SZ")
        parent = reports.absolute() / plan.name
        try:
            parent.mkdir(parents=True, exist_ok=True)
            folder = cls(exclusive(parent, f"{stamp}-{plan.seed}"))
            folder.capture.mkdir()
            folder.logs.mkdir()
            folder._write("plan.json", encode({"format": FORMAT, **_fields(plan)}, pretty=True))
        except OSError as error:
            problem = f"cannot make the run's folder: {error.strerror}"
            raise HarnessError(problem, where=str(parent), hint="give another place with --reports DIR") from None
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Return an existing run's folder.

        Raises:
            UsageError: There is no run at that path.
        """
        if not (path / "plan.json").is_file():
            problem = "no run here: plan.json is missing"
            raise UsageError(problem, where=str(path), hint="give the folder of a run, such as reports/latest")
        return cls(path.resolve())

    @property
    def capture(self) -> Path:
        """Where the parts write their rows."""
        return self.path / "capture"

    @property
    def logs(self) -> Path:
        """Where the parts write their logs."""
        return self.path / "logs"

    @property
    def report(self) -> Path:
        """The page."""
        return self.path / "report.html"

    def plan(self) -> Plan:
        """Return what the run was to do."""
        return decode((self.path / "plan.json").read_bytes(), Plan)

    def environment(self) -> dict[str, Any]:
        """Return where and how the run ran; empty if it did not get that far."""
        return self._read("environment.json")

    def verdict(self) -> dict[str, Any]:
        """Return verdict.json; empty if there is none."""
        return self._read("verdict.json")

    def metrics(self) -> dict[str, Any]:
        """Return metrics.json; empty if there is none."""
        return self._read("metrics.json")

    def history(self, *, complete: bool = False) -> History:
        """Return what happened; a run that is not yet put together is, from what its parts have captured.

        Args:
            complete: Every part of the run came to its planned end; a killed runner could not say so.
        """
        if not tables.exist(self.path):
            return self.compact(complete=complete)
        return tables.read(self.path, self.plan().digest)

    def compact(self, *, complete: bool) -> History:
        """Put the captured rows together into the Parquet files, and return them.

        Args:
            complete: Every part of the run came to its planned end.
        """
        history = compact(self.capture, self.plan(), complete=complete)
        tables.write(self.path, history)
        return history

    def write_history(self, history: History) -> None:
        """Write a complete history."""
        tables.write(self.path, history)

    def write_environment(self, environment: dict[str, Any]) -> None:
        """Write environment.json."""
        self._write_json("environment.json", environment)

    def write_verdict(self, verdict: dict[str, Any], metrics: dict[str, Any]) -> None:
        """Write metrics.json and verdict.json."""
        self._write_json("metrics.json", metrics)
        self._write_json("verdict.json", verdict)

    def write_junit(self, xml: bytes) -> None:
        """Write junit.xml."""
        self._write("junit.xml", xml.rstrip(b"\n"))

    def rewrite_logs(self, clean: Callable[[str], str]) -> None:
        """Put every log through a function, such as one that hides secrets that a user's gateway has printed."""
        for path in self.logs.iterdir():
            text = path.read_text(encoding="utf-8", errors="replace")
            if (cleaned := clean(text)) != text:
                path.write_text(cleaned, encoding="utf-8")

    def publish(self) -> None:
        """Point `reports/latest` here, atomically."""
        reports = self.path.parent.parent
        link = reports / f".latest-{secrets.token_hex(4)}"
        link.symlink_to(self.path.relative_to(reports), target_is_directory=True)
        link.replace(reports / "latest")

    def _read(self, name: str) -> dict[str, Any]:
        try:
            data: dict[str, Any] = json.loads((self.path / name).read_bytes())
        except FileNotFoundError:
            return {}
        return data

    def _write_json(self, name: str, data: dict[str, Any]) -> None:
        self._write(name, encode({"format": FORMAT, **data}, pretty=True))

    def _write(self, name: str, raw: bytes) -> None:
        """Write a file whole or not at all."""
        partial = self.path / f".{name}.part"
        partial.write_bytes(raw + b"\n")
        partial.replace(self.path / name)


def latest(reports: Path) -> Path:
    """Return the folder of the latest run.

    Raises:
        UsageError: There is none.
    """
    link = reports / "latest"
    if not link.exists():
        problem = "no run yet"
        raise UsageError(problem, where=str(reports), hint="harness run scenarios/primary-429.yaml")
    return link.resolve()


def exclusive(parent: Path, name: str) -> Path:
    """Make a folder that nobody else has made; a clash of names gets `-2`, `-3`, …."""
    for place in range(1, _TRIES_MAX):
        path = parent / (name if place == 1 else f"{name}-{place}")
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    problem = f"{_TRIES_MAX} runs of the same second"
    raise HarnessError(problem, where=str(parent))


def _fields(plan: Plan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in plan.__slots__}
