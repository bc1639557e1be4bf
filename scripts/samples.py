"""Makes `reports/samples` again: `make samples`.

The live run is evaluated again from its records. What is simulated is run again: the same seed gives the same records. A sample names no
path of the machine that made it.
"""
# ruff: noqa: INP001  -- a script, in no package

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.errors import ExitCode
from harness.store import SuiteFolder, latest

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "reports" / "samples"
LIVE = ("primary-429",)
SIMULATED = {"stream-empty": "scenarios/catalogue/stream-empty.yaml", "quick-look": "examples/quick-look.yaml"}
"""By name, the scenario of each."""
MEASURED = ("stream-empty",)
"""Those whose page shows which setting would have helped."""
SUITE = "two-chains"
SCENARIOS = tuple(
    f"catalogue/{name}.yaml"
    for name in (
        "rate-limit-retry-after",
        "unavailable",
        "silent-provider",
        "stream-cut",
        "stream-empty",
        "tools-malformed",
    )
)
"""On which the two chains of the suite differ, or do not."""
CHAINS = ("scenarios/chains/gpt4-azure-claude.yaml", "scenarios/chains/reference.yaml")
OUTAGES = "real-outages"
INCIDENTS = (
    "openai-2021-04-01-azure-dns",
    "openai-2022-09-20-400-suffix",
    "openai-2023-11-08-shed-429",
    "openai-2024-08-13-400-tools",
    "openai-2024-12-11-telemetry",
    "anthropic-2025-09-10-all-down",
    "deepseek-2025-01-25-ddos",
)
"""In some of them callers went unserved, in others perhaps; the last one misses the chain."""
REPLAYED = "scenarios/chains/reference.yaml"
_RUN_LINK = re.compile(r'<a class="id" href="[^"]*">([^<]*)</a>')
"""In a scorecard, to a run that is no sample."""
_KEPT = ("*.parquet", "*.json", "*.xml", "*.html", "*.md", "*.prom")
_ANSWERS = {ExitCode.PASS, ExitCode.FAIL, ExitCode.INCONCLUSIVE}


def main() -> int:
    """Make all samples."""
    for name in LIVE:
        _harness("report", str((SAMPLES / name).relative_to(ROOT)))
    for name, scenario in SIMULATED.items():
        with TemporaryDirectory(prefix="harness-samples-") as folder:
            _harness("run", scenario, "--engine", "sim", "--quiet", "--reports", folder)
            if name in MEASURED:
                _harness("tune", "--run", str(latest(Path(folder))))
            _keep(latest(Path(folder)), name, Path(folder))
    with TemporaryDirectory(prefix="harness-samples-") as folder:
        reports = Path(folder)
        chains = [word for chain in CHAINS for word in ("--chain", chain)]
        _harness("suite", *SCENARIOS, *chains, "--engine", "sim", "--quiet", "--reports", folder)
        suite = SuiteFolder.latest(reports)
        assert suite is not None
        _keep(suite.path, SUITE, reports)
    replay()
    return 0


def replay() -> None:
    """Make the sample of a replay."""
    with TemporaryDirectory(prefix="harness-samples-") as folder:
        _harness("replay", REPLAYED, *INCIDENTS, "--slo", "99.9%", "--reports", folder)
        [path] = (Path(folder) / "replays").iterdir()
        _keep(path, OUTAGES, Path(folder))


def _harness(*words: str) -> None:
    """Run a command from the root of the checkout.

    Raises:
        RuntimeError: It did not come to an answer.
    """
    done = subprocess.run([sys.executable, "-m", "harness", *words], cwd=ROOT, check=False, timeout=600)
    if done.returncode not in _ANSWERS:
        raise RuntimeError(f"harness {' '.join(words)} ended with {done.returncode}")


def _keep(path: Path, name: str, reports: Path) -> None:
    """Put a folder among the samples, without what only the run needed and without paths of this machine."""
    path = path.resolve()
    sample = SAMPLES / name
    shutil.rmtree(sample, ignore_errors=True)
    sample.mkdir(parents=True)
    for file in sorted({file for pattern in _KEPT for file in path.glob(pattern)}):
        if file.suffix == ".parquet":
            shutil.copy(file, sample)
            continue
        text = file.read_text(encoding="utf-8")
        for here, there in ((f"{path}", f"reports/samples/{name}"), (f"{reports}", "reports"), (f"{ROOT}/", "")):
            text = text.replace(here, there)
        text = _RUN_LINK.sub(r"\1", text)
        (sample / file.name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
