"""Measures the claims again, and writes docs/claims.json and docs/claims.md: `python -m scripts.claims [NAME…]`.

Named claims or settings take the place of what is kept of them; the others stay. Whatever a simulated run can show is simulated; claims
about a proxy's process run on LiteLLM's own command, one after the other.
"""
# ruff: noqa: T201  -- it talks to whoever runs it

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.scenario import Scenario
from scripts.claims.digests import ROOT, SEVERAL, Digest, digest, is_live, path_of, save, saved, scenarios
from scripts.claims.page import PAGE, page
from scripts.smoke_runs import suite

LIVE_S = 300
"""No live run of a claim takes so long."""


def simulated(chosen: Iterable[Scenario], reports: str) -> Iterator[tuple[str, Digest]]:
    """Yield the digests of simulated runs, by scenario: all of them are one suite."""
    by_name = {scenario.name: scenario for scenario in chosen}
    if not by_name:
        return
    for cell in suite([path_of(name) for name in by_name], "--engine", "sim", "--reports", reports):
        scenario = by_name[cell["scenario"]]
        yield scenario.name, digest(scenario, Path(cell["run"]) if cell["run"] else None, error=cell.get("error") or "")


def live(scenario: Scenario, reports: str) -> Digest:
    """Return the digest of a live run."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environ = {"LITELLM_MASTER_KEY": f"sk-{secrets.token_urlsafe(32)}", **os.environ, "PATH": path}
    command = [sys.executable, "-m", "harness", "run", path_of(scenario.name), "--reports", reports, "--json"]
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False, cwd=ROOT, env=environ, timeout=LIVE_S)
    except subprocess.TimeoutExpired:
        return digest(scenario, None, error=f"the run did not end within {LIVE_S} s", load=load)
    found = json.loads(done.stdout)
    if "error" in found:
        return digest(scenario, None, error=f"{found['error']['where']}: {found['error']['problem']}", load=load)
    return digest(scenario, Path(found["run"]), load=load)


def main(names: list[str]) -> None:
    """Measure, and write both files after each part."""
    known = scenarios()
    chosen = [each for each in known.values() if not names or {each.name, each.name.partition(SEVERAL)[0]} & {*names}]
    digests = {name: kept for name, kept in saved().items() if name in known}
    began_s = time.monotonic()
    with TemporaryDirectory() as reports:
        digests |= dict(simulated((each for each in chosen if not is_live(each)), reports))
        _write(digests)
        for scenario in (each for each in chosen if is_live(each)):
            print(f"{time.monotonic() - began_s:.0f} s: {scenario.name}, live", file=sys.stderr)
            digests[scenario.name] = live(scenario, reports)
            _write(digests)
    print(f"{len(chosen)} of {len(known)} runs in {time.monotonic() - began_s:.0f} s", file=sys.stderr)


def _write(digests: Mapping[str, Digest]) -> None:
    save(digests)
    PAGE.write_text(page(saved()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
