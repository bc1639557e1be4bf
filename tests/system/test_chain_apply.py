"""A configuration is tried on LiteLLM's real proxy before it is put in place."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.cli.command import ROOT, harness

pytestmark = pytest.mark.system

# What LiteLLM is asked about it is what other tests ask: the answer is kept, and each question takes seconds.
CONFIG = (
    (ROOT / "scenarios" / "chains" / "litellm-config.yaml").read_text().replace("os.environ/OPENAI", "plain-secret-1/O")
)


def test_one_that_comes_up_and_one_that_does_not(tmp_path: Path) -> None:
    """The first is in place, and no database of its own was called; of the second the reason is shown, and the file stays."""
    place, file = tmp_path / "litellm-config.yaml", tmp_path / "new.yaml"
    with socket.create_server(("127.0.0.1", 0)) as database:
        database.settimeout(0)
        address = f"127.0.0.1:{database.getsockname()[1]}"
        place.write_text(CONFIG)
        outside = (
            f"  cache: true\n  cache_params: {{type: redis, url: 'redis://{address}'}}\n"
            f"general_settings: {{database_url: 'postgresql://u:pw-plain-2@{address}/db', master_key: pw-plain-3}}\n"
        )
        file.write_text(CONFIG + outside)
        code, out, err = harness("chain", "apply", str(file), "--to", str(place), "--yes", "--json", timeout_s=300)
        assert code == 0, (out, err)
        with pytest.raises(BlockingIOError):
            database.accept()
    assert "it came up, and is healthy" in err
    fields = ["litellm_settings.cache", "litellm_settings.cache_params", "general_settings"]
    assert [each["field"] for each in json.loads(out)["changed"]] == fields
    assert place.read_text() == file.read_text() == CONFIG + outside

    file.write_text(CONFIG.replace("api_key: plain-secret-1", "rpm: many, api_key: plain-secret-1"))
    code, shown, told = harness("chain", "apply", str(file), "--to", str(place), "--yes", timeout_s=300)
    assert code == 1, (shown, told)
    assert "LiteLLM's proxy: comes up, but without deployments of the file: gpt-4; nothing was changed" in told
    assert place.read_text() == CONFIG + outside
    audit = place.with_name(f"{place.name}.audit.jsonl").read_text()
    assert [json.loads(line)["did"] for line in audit.splitlines()] == ["apply", "not applied"]
    assert not any(
        secret in out + err + shown + told + audit for secret in ("plain-secret-1", "pw-plain-2", "pw-plain-3")
    )
