"""A run's folder.

reports/<scenario>/<UTC time>-<seed>/
  plan.json  environment.json  capture/*.jsonl  requests.parquet  attempts.parquet  faults.parquet  health.parquet
  states.parquet  ready.parquet
  metrics.json  metrics.prom  verdict.json  junit.xml  remedies.json  report.html  report.pdf  logs/
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict

from harness.errors import UsageError
from harness.history import History
from harness.judge.comparison.counterfactual import MeasuredRemedies
from harness.scenario import LATEST, Plan
from harness.store import tables
from harness.store.capture import Origin, files, rows
from harness.store.compact import compact
from harness.store.files import create_folder, existing_folder, read_json, timestamp, write_file, write_json
from harness.store.plans import with_facts


class _Environment(TypedDict, total=False):
    """What readers of environment.json rely on."""

    command: str
    engine: str
    wall_s: float
    warnings: list[str]
    versions: dict[str, str]
    chain: dict[str, Any] | None


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

        def fill(path: Path) -> None:
            (path / "capture").mkdir()
            (path / "logs").mkdir()
            write_json(path / "plan.json", {name: getattr(plan, name) for name in plan.__slots__})

        parent = reports.absolute() / plan.name
        return cls(create_folder(parent, f"{timestamp(now)}-{plan.seed}", fill=fill))

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Return an existing run's folder.

        Raises:
            UsageError: There is no run at that path.
        """
        return cls(
            existing_folder(path, "run", file="plan.json", hint=f"name the folder of a run, such as reports/{LATEST}")
        )

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
        """The report for a browser."""
        return self.path / "report.html"

    def plan(self) -> Plan:
        """Return what the run was to do.

        Raises:
            UsageError: plan.json is damaged; so too for the other files.
        """
        path = self.path / "plan.json"
        plan = read_json(path, Plan, newer=with_facts)
        if not plan.phases or not plan.chain.order or not {*plan.chain.order} <= plan.chain.providers.keys():
            raise UsageError("damaged: it has no phases, or names providers that it does not have", where=str(path))
        return plan

    def environment(self) -> dict[str, Any]:
        """Return where and how the run ran; empty if it did not get that far."""
        return self._read("environment.json", _Environment)

    def verdict(self) -> dict[str, Any]:
        """Return verdict.json; empty if there is none."""
        return self._read("verdict.json")

    def metrics(self) -> dict[str, Any]:
        """Return metrics.json; empty if there is none."""
        return self._read("metrics.json")

    def history(self, *, complete: bool = False) -> History:
        """Return what happened; where there are no Parquet files yet, from the captured rows.

        Args:
            complete: Every part of the run ended as planned; unknown where the runner was killed.

        Raises:
            UsageError: A file is damaged, missing, or of another run.
        """
        return self._tables() or self.compact(complete=complete)

    def recorded(self) -> History:
        """Return what has happened so far, and write nothing: the run may still go on.

        Raises:
            UsageError: As `history`.
        """
        return self._tables() or compact(self.capture, self.plan(), complete=False)

    def _tables(self) -> History | None:
        """Return the history in the Parquet files; None where they are to be made of the captured rows."""
        missing = tables.missing(self.path)
        if not missing:
            return tables.read(self.path, self.plan())
        if tables.has_any(self.path) and not files(self.capture):
            raise UsageError("missing, and there are no captured rows to make it from", where=str(missing[0]))
        return None

    def compact(self, *, complete: bool) -> History:
        """Write the captured rows as Parquet files, and return them.

        Args:
            complete: Every part of the run ended as planned.
        """
        history = compact(self.capture, self.plan(), complete=complete)
        tables.write(self.path, history)
        return history

    def origin_unix_ns(self) -> int:
        """Return when the run's clock began, as Unix time in nanoseconds.

        Of a simulated run, and of one whose captured rows are gone, that is when it was started; 0 if even that is unknown.

        Raises:
            UsageError: A file is damaged.
        """
        runner = self.capture / "runner.jsonl"
        if runner.exists():
            for row in rows(runner):
                if isinstance(row, Origin) and row.unix_ns is not None:
                    return row.unix_ns
        started = self.environment().get("started")
        return int(datetime.fromisoformat(started).timestamp()) * 10**9 if started else 0

    def write_history(self, history: History) -> None:
        """Write a complete history."""
        tables.write(self.path, history)

    def write_environment(self, environment: dict[str, Any]) -> None:
        """Write environment.json."""
        write_json(self.path / "environment.json", environment)

    def write_verdict(self, verdict: dict[str, Any], metrics: dict[str, Any]) -> None:
        """Write metrics.json and verdict.json."""
        write_json(self.path / "metrics.json", metrics)
        write_json(self.path / "verdict.json", verdict)

    def remedies(self) -> MeasuredRemedies | None:
        """Return what `harness tune --run` found; None if it was not asked for."""
        path = self.path / "remedies.json"
        return read_json(path, MeasuredRemedies) if path.exists() else None

    def write_remedies(self, found: MeasuredRemedies) -> None:
        """Write remedies.json."""
        write_json(self.path / "remedies.json", asdict(found))

    @property
    def prometheus(self) -> Path:
        """The counts of the run in Prometheus' text format."""
        return self.path / "metrics.prom"

    def write_prometheus(self, text: bytes) -> None:
        """Write metrics.prom."""
        write_file(self.prometheus, text)

    def write_junit(self, xml: bytes) -> None:
        """Write junit.xml."""
        write_file(self.path / "junit.xml", xml)

    def write_report(self, page: str) -> None:
        """Write report.html."""
        write_file(self.report, page.encode())

    @property
    def pdf(self) -> Path:
        """The report as it is printed."""
        return self.path / "report.pdf"

    def write_pdf(self, raw: bytes) -> None:
        """Write report.pdf."""
        write_file(self.pdf, raw)

    def rewrite_logs(self, clean: Callable[[str], str]) -> None:
        """Replace every log by what a function makes of it, such as one that hides secrets."""
        for path in self.logs.iterdir():
            text = path.read_text(encoding="utf-8", errors="replace")
            if (cleaned := clean(text)) != text:
                path.write_text(cleaned, encoding="utf-8")

    def publish(self) -> None:
        """Point `reports/latest` here, atomically."""
        reports = self.path.parent.parent
        link = reports / f".latest-{secrets.token_hex(4)}"
        link.symlink_to(self.path.relative_to(reports), target_is_directory=True)
        link.replace(reports / LATEST)

    def _read(self, name: str, shape: Any = dict) -> dict[str, Any]:
        path = self.path / name
        if not path.exists():
            return {}
        read_json(path, shape)
        return read_json(path, dict[str, Any])


def nearest_reports(here: Path) -> Path:
    """Return the folder of reports in a folder or in the one above it: that which has a latest run, else that which is there."""
    places = [place / "reports" for place in (here, here.parent)]
    kept = [place for place in places if (place / LATEST).exists()] or [place for place in places if place.is_dir()]
    return (kept or places)[0]


def latest(reports: Path) -> Path:
    """Return the folder of the latest run.

    Raises:
        UsageError: There is none.
    """
    link = reports / LATEST
    if not link.exists():
        problem = "there is no run yet"
        raise UsageError(problem, where=str(reports), hint="harness run scenarios/primary-429.yaml")
    return link.resolve()
