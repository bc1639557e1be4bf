"""`docker-compose.yml` for real, where a Docker daemon can be had: the harness, a gateway beside it, workers and the lab.

LiteLLM's image with its database cannot be had without a registry. Its stand-in has the same LiteLLM, the same command and
configuration, and no database.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.polling import until
from tests.system.conftest import starved
from tests.system.docker import Docker, NotPossibleError, docker

pytestmark = [pytest.mark.system, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
LITELLM = """\
FROM {base}
RUN python3 -m venv /opt/litellm && /opt/litellm/bin/pip install --quiet 'litellm[proxy]==1.106.2'
ENV PATH=/opt/litellm/bin:$PATH
ENTRYPOINT ["litellm"]
"""
OVERRIDE = """\
services:
  network: {image: harness-test, build: !reset null, network_mode: none, ports: !reset []}
  harness: {image: harness-test}
  worker: {image: harness-test}
  lab: {image: harness-test-lab, build: !reset null}
  litellm:
    image: harness-test-litellm
    depends_on: !override {network: {condition: service_started}}
    environment: {DATABASE_URL: !reset null}
"""
QUIET = """\
name: %s
chain: chains/composed-gateway.yaml
load: {rate: 4/s, arrivals: constant, deadline: 20s}
phases: {only: %s}
faults: []
expect: [success_rate >= 90%%]
"""
SIZE_MAX = 470e6
"""Of the image beside its base, in bytes: `python:3.12-slim` has some 125 MB, and both together stay below 600 MB."""
RUN_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A checkout with keys, composed.

    Attributes:
        docker: The daemon.
        folder: The checkout.
        base: The image that the harness's is made on.
    """

    docker: Docker
    folder: Path
    base: str

    def __call__(self, *words: str, timeout_s: float = RUN_S) -> subprocess.CompletedProcess[str]:
        """Run Compose."""
        program = str(Path(sys.executable).with_name("docker-compose"))
        command = [program, "--file", "docker-compose.yml", "--file", "override.yaml", *words]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.docker.environ,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def run(self, *words: str) -> tuple[Path, dict[str, Any], str]:
        """Run a scenario in a container; return its folder here, its verdict and what was printed."""
        done = self("run", "--rm", "--no-TTY", "harness", "run", *words, "--json")
        printed = json.loads(done.stdout.strip().splitlines()[-1])
        assert "run" in printed, (printed, done.stderr)
        return self.here(printed["run"]), printed["verdict"], done.stderr

    def here(self, path: str) -> Path:
        """Return where a path of the container is on this machine."""
        return self.folder / Path(path).relative_to("/work")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Give the stack, with images built for it."""
    with tempfile.TemporaryDirectory(prefix="harness-composed-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        try:
            with docker() as daemon:
                made = _made(daemon, folder)
                try:
                    yield made
                finally:
                    made("--profile", "*", "down", "--remove-orphans", "--volumes", "--timeout", "10")
        except NotPossibleError as reason:
            pytest.skip(str(reason))


def _made(daemon: Docker, folder: Path) -> Stack:
    base = daemon.base()
    toxiproxy = daemon.toxiproxy(folder)
    daemon.build("harness-test", ROOT, PYTHON_IMAGE=base, TOXIPROXY_IMAGE=toxiproxy)
    (folder / "litellm").mkdir()
    (folder / "litellm" / "Dockerfile").write_text(LITELLM.format(base=base))
    daemon.build("harness-test-litellm", folder / "litellm")
    for name in ("docker", "scenarios", "notebooks"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "scripts").mkdir()
    for name in ("docker-compose.yml", ".env.example", "scripts/compose-env.sh"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "override.yaml").write_text(OVERRIDE)
    (folder / "scenarios" / "quiet.yaml").write_text(QUIET % ("quiet", "5s"))
    (folder / "scenarios" / "long.yaml").write_text(QUIET % ("long", "300s"))
    (folder / "reports").mkdir()
    folder.chmod(0o755)
    subprocess.run(["sh", "scripts/compose-env.sh", "new"], cwd=folder, check=True, capture_output=True)
    with (folder / ".env").open("a") as env:
        env.write(f"COMPOSE_PROJECT_NAME=harness-test-{os.getpid()}\n")
    return Stack(docker=daemon, folder=folder, base=base)


def test_the_image_is_small_and_does_not_run_as_root(stack: Stack) -> None:
    """What is in it beside its base, and who runs it."""
    size, base = (
        int(stack.docker("image", "inspect", "--format", "{{.Size}}", name)) for name in ("harness-test", stack.base)
    )
    assert size - base <= SIZE_MAX
    assert stack.docker("image", "inspect", "--format", "{{.Config.User}}", "harness-test").strip() == "1000:1000"


def test_the_verdict_is_that_of_a_plain_run(stack: Stack) -> None:
    """The demo through the composed gateway. The sample is its plain run; a machine that is too busy for one gets a second try.

    Of a run that found the machine too busy only what does not depend on time is compared.
    """
    plain = json.loads((ROOT / "reports" / "samples" / "primary-429" / "verdict.json").read_text())
    wanted = [(row["text"], row["status"]) for row in plain["expectations"]]
    for _try in range(2):
        folder, verdict, _err = stack.run("scenarios/primary-429.yaml")
        found = [(row["text"], row["status"]) for row in verdict["expectations"]]
        if found == wanted:
            break
    if not starved(verdict, folder):
        assert (found, verdict["status"]) == (wanted, plain["status"])
    requests = pd.read_parquet(folder / "requests.parquet")
    assert requests["outcome"].eq("ok").mean() >= 0.98
    assert set(pd.read_parquet(folder / "attempts.parquet")["provider"]) >= {"openai", "azure"}


def test_workers_send_the_load(stack: Stack) -> None:
    """As many as were scaled to; each is started again after the run."""
    stack("--profile", "load", "up", "--detach", "--scale", "worker=2", "worker")
    folder, verdict, err = stack.run("scenarios/quiet.yaml", "--expect-workers", "2", "--master", "127.0.0.1:5557")
    workers = json.loads((folder / "environment.json").read_text())["workers"]
    assert len(workers) == 2, err
    assert verdict["status"] in ("pass", "inconclusive"), verdict
    stack("--profile", "load", "stop", "worker")


def test_the_lab_makes_the_page(stack: Stack) -> None:
    """JupyterLab becomes healthy, and the page of a run is made in its image."""
    stack.docker.build(
        "harness-test-lab", ROOT, PYTHON_IMAGE=stack.base, TOXIPROXY_IMAGE="harness-test-toxiproxy", EXTRAS="lab"
    )
    folder, _verdict, _err = stack.run("scenarios/quiet.yaml")
    up = stack("--profile", "lab", "up", "--detach", "--wait", "lab")
    assert up.returncode == 0, up.stderr
    made = stack("run", "--rm", "--no-TTY", "lab", "harness", "report", f"reports/quiet/{folder.name}")
    assert (folder / "report.html").stat().st_size > 0, made.stderr
    stack("--profile", "lab", "stop", "lab")


def test_a_stack_that_is_torn_down_keeps_what_was_recorded(stack: Stack) -> None:
    """`down` in mid-run: the run's rows are there, it is evaluated as one that did not finish, and no container is left."""
    stack("run", "--detach", "harness", "run", "scenarios/long.yaml")
    reports = stack.folder / "reports" / "long"

    def recorded() -> Path | None:
        return next(
            (path for path in reports.glob("*/capture/load.jsonl") if path.read_bytes().count(b'["request",') > 8), None
        )

    rows = until(recorded, within_s=300, every_s=0.5, what="requests on the disk")
    assert stack("--profile", "*", "down", "--remove-orphans").returncode == 0
    verdict = json.loads((rows.parents[1] / "verdict.json").read_text())
    assert verdict["status"] == "inconclusive"
    assert stack("--profile", "*", "ps", "--all", "--quiet").stdout.split() == []
