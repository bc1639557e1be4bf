"""A real Prometheus scrapes a real run, and answers the queries of the dashboard."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.dashboard import queries
from tests.polling import until
from tests.system.chains import LONG, REFERENCE, SCENARIO
from tests.system.conftest import Start

pytestmark = [pytest.mark.slow, pytest.mark.system]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with `prometheus` and `promtool`: those on the path, else Debian's, unpacked and not installed."""
    if found := shutil.which("promtool"):
        return Path(found).parent
    folder = tmp_path_factory.mktemp("prometheus")
    subprocess.run(["apt-get", "download", "prometheus"], cwd=folder, check=True, capture_output=True, timeout=300)
    (package,) = folder.glob("prometheus_*.deb")
    subprocess.run(["dpkg", "-x", str(package), str(folder)], check=True, capture_output=True, timeout=300)
    return folder / "usr" / "bin"


@contextmanager
def scraping(programs: Path, folder: Path, target: str) -> Iterator[str]:
    """Run a Prometheus that scrapes a target each second; yield its address."""
    port = free_port()
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "harness", "static_configs": [{"targets": [target]}]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
    words = [
        str(programs / "prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


def asked(prometheus: str, query: str) -> list[Any]:
    """Return what a query finds; fails if Prometheus refuses it."""
    with urllib.request.urlopen(f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': query})}") as answer:  # noqa: S310
        found = json.loads(answer.read())
    assert found["status"] == "success", found
    return list(found["data"]["result"])


def finds(prometheus: str, query: str) -> bool:
    """Return whether a query finds something; Prometheus itself may still be starting."""
    try:
        return bool(asked(prometheus, query))
    except OSError:
        return False


def test_a_prometheus_scrapes_a_run_that_is_killed(programs: Path, tmp_path: Path, start: Start) -> None:
    """Every query of the dashboard is valid, and every one of ours finds something; then the target is down, and nothing hangs."""
    port = free_port()
    run = start(LONG, REFERENCE, "--metrics", str(port))
    with scraping(programs, tmp_path, f"127.0.0.1:{port}") as prometheus:
        until(lambda: finds(prometheus, "harness_fallbacks_total > 0"), within_s=180, what="a fallback in Prometheus")
        until(lambda: finds(prometheus, "rate(harness_fallbacks_total[15s]) > 0"), within_s=60)
        empty = [query for query in queries() if not asked(prometheus, query) and "litellm_" not in query]
        assert empty == []
        os.kill(run.process.pid, signal.SIGKILL)
        until(lambda: asked(prometheus, "up == 0"), within_s=60, what="the target is down")


def test_promtool_has_nothing_to_say_about_a_run_s_metrics(programs: Path, start: Start) -> None:
    """Names, help texts, types and the format."""
    run = start(SCENARIO, REFERENCE)
    run.end()
    text = (run.folder / "metrics.prom").read_bytes()
    checked = subprocess.run([programs / "promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
