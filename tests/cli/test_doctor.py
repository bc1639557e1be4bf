"""`harness doctor` as a user starts it."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from pathlib import Path

from .command import harness

MOCKS = "scenarios/chains/gpt4-azure-claude.yaml"
REAL = """
name: ours
driver: reference
providers:
  gone: {{dialect: openai, model: gpt-4, upstream: "http://127.0.0.1:{port}/v1"}}
  mock: {{dialect: azure, model: gpt-4}}
order: [gone, mock]
"""


def closed_chain(tmp_path: Path) -> str:
    """Return the file of a chain with a provider at which nothing listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    path = tmp_path / "ours.yaml"
    path.write_text(REAL.format(port=port))
    return str(path)


def test_doctor_shows_what_a_run_would_use() -> None:
    """Which Toxiproxy, and what else there is."""
    code, out, _ = harness("doctor", "--json")
    found = json.loads(out)
    assert (code, found["ok"]) == (0, True)
    names = [check["name"] for check in found["checks"]]
    assert {"Python", "litellm", "Toxiproxy"} <= set(names)


def test_doctor_asks_the_providers_of_a_chain() -> None:
    """For people: a line for each, with price and context window."""
    code, out, err = harness("doctor", MOCKS)
    assert (code, err) == (0, "")
    first, openai, facts, *_ = out.splitlines()
    assert first == "gpt4-azure-claude: openai → azure → anthropic (litellm-router)"
    assert openai.startswith("ok      openai: mock of gpt-4 (openai), answered in ")
    assert facts == "        $30 in, $60 out per million tokens, context window 8,192 tokens"


def test_doctor_exits_with_1_if_a_provider_fails(tmp_path: Path) -> None:
    """For programs: the same, with all facts; for people with the reason and a hint."""
    chain = closed_chain(tmp_path)
    code, out, _ = harness("doctor", chain, "--models", "--json")
    found = json.loads(out)
    assert (code, found["ok"], found["chain"]) == (1, False, "ours")
    gone, mock = found["providers"]
    assert (gone["status"], gone["problem"], mock["status"]) == ("fail", "nothing listens there", "pass")
    assert gone["price"] == {"input": 30.0, "output": 60.0, "cache_read": 15.0, "cache_write": 30.0}
    code, out, _ = harness("doctor", chain)
    assert code == 1
    assert "\n        nothing listens there\n        hint: is it up" in out


def test_options_of_a_chain_need_one() -> None:
    """`--models` of the machine would mean nothing."""
    code, _, err = harness("doctor", "--models")
    assert code == 2
    assert "these options go with a chain" in err
