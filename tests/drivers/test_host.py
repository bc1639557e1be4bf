"""What a chain's host is sent of the user's environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.chain import Chain, load
from harness.drivers.host import host
from harness.provider.spec import Provider

CONFIG = """\
model_list:
  - model_name: gpt-4
    litellm_params: {model: openai/gpt-4, api_key: os.environ/NAMED_KEY}
  - model_name: claude
    litellm_params: {model: anthropic/claude-3-5-sonnet-20241022}
router_settings: {fallbacks: [{gpt-4: [claude]}]}
"""


def test_it_is_sent_the_keys_that_its_chain_looks_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that a configuration names, and the usual one of a vendor where it names none; nothing else."""
    for name in ("NAMED_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, f"value of {name}")
    (tmp_path / "litellm-config.yaml").write_text(CONFIG)
    start = host(load(tmp_path / "litellm-config.yaml")).start_message(None, {}, seed=1)
    assert start.environ == {name: f"value of {name}" for name in ("ANTHROPIC_API_KEY", "NAMED_KEY")}
    assert "value of" not in repr(start)


def test_a_chain_without_keys_is_sent_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """What replaces a caller's key at a real provider is the edge's."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    provider = Provider(dialect="openai", model="a", upstream="https://a.example", api_key="env/OPENAI_API_KEY")
    chain = Chain(name="one", driver="reference", providers={"a": provider}, order=("a",))
    assert host(chain).start_message(None, {}, seed=1).environ == {}
