"""`--metrics`, `metrics.prom` and `harness export`, as a user calls them."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.cli.command import harness


def test_a_simulated_run_keeps_metrics_that_agree_with_its_numbers(tmp_path: Path) -> None:
    """And it can be exported."""
    done = harness(
        "run", "smoke/refused.yaml", "--engine", "sim", "--reports", str(tmp_path), "--metrics", "0", "--json"
    )
    assert "metrics: http://127.0.0.1:" in done.err
    folder = Path(json.loads(done.out)["run"])
    families = text_string_to_metric_families((folder / "metrics.prom").read_text())
    samples = [sample for family in families for sample in family.samples]
    numbers = json.loads((folder / "metrics.json").read_text())
    asked = {sample.name: 0.0 for sample in samples}
    for sample in samples:
        asked[sample.name] += sample.value
    whole = numbers["phases"]["run"]
    assert asked["harness_requests_total"] == whole["requests"]["value"]
    assert asked["harness_attempts_total"] == whole["attempts"]["value"]
    assert asked["harness_fallbacks_total"] == whole["fallbacks"]["value"] > 0
    assert {sample.labels["scenario"] for sample in samples if "scenario" in sample.labels} == {"refused"}

    exported = harness("export", str(folder), "--format", "otlp", "--to", str(tmp_path / "traces.jsonl"), "--json")
    written = json.loads(exported.out)
    assert written == {
        "files": [str(tmp_path / "traces.jsonl")],
        "endpoint": None,
        "spans": asked["harness_requests_total"] + asked["harness_attempts_total"],
    }


def test_a_port_in_use_ends_the_command_before_anything_begins(tmp_path: Path) -> None:
    """Two runs with the same `--metrics`."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = harness("run", "smoke/refused.yaml", "--reports", str(tmp_path), "--metrics", str(port))
    assert done.code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.err
    assert "choose another port" in done.err
    assert list(tmp_path.iterdir()) == []
