"""Chains and scenarios that the system tests run: as short as what is to be seen allows."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Any

CHAIN = """\
name: quick
driver: litellm-router
providers:
  openai:    {dialect: openai,    model: gpt-4, reply: {ttft: 20ms, tokens: 5, tokens_per_second: 0}}
  azure:     {dialect: azure,     model: gpt-4, reply: {ttft: 20ms, tokens: 5, tokens_per_second: 0}}
  anthropic: {dialect: anthropic, model: claude-3-5-sonnet-20241022, reply: {ttft: 20ms, tokens: 5}}
order: [openai, azure, anthropic]
retry: {attempts: 2}
timeout: 5s
"""
REFERENCE = CHAIN.replace("litellm-router", "reference")
"""The same on the chain that starts soonest."""
SCENARIO = """\
name: quick
chain: chain.yaml
load: {rate: 15/s, arrivals: constant, deadline: 10s}
phases: {baseline: 1s, fault: 2s, recovery: 1s}
faults:
  - {on: primary, during: fault, inject: {status: 503}}
expect:
  - success_rate in fault >= 80%
  - no retry_storm
"""
LONG = SCENARIO.replace("recovery: 1s", "recovery: 300s")
"""It is never waited for."""
PLAIN = """\
name: plain
driver: openai-sdk
providers:
  openai: {dialect: openai, model: gpt-4, reply: {ttft: 20ms, tokens: 5, tokens_per_second: 0}}
  azure:  {dialect: azure,  model: gpt-4, reply: {ttft: 20ms, tokens: 5, tokens_per_second: 0}}
order: [openai, azure]
retry: {attempts: 2}
timeout: 5s
"""


def real(upstream: str, more: str = "") -> str:
    """Return the chain with its first provider passed through."""
    fields = f"upstream: '{upstream}', api_key: env/REAL_KEY, price: {{input: 10, output: 30}}"
    return CHAIN.replace("reply: {ttft: 20ms, tokens: 5, tokens_per_second: 0}", fields, 1) + more


def behind(gateway: str, *, port: int | None = None, **more: Any) -> str:
    """Return a chain behind the test's gateway.

    Args:
        gateway: Its options.
        port: Where it listens; any free one if None.
        more: More of `endpoint:`.
    """
    if port is None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    program = [sys.executable, str(Path(__file__).with_name("gateway.py")), str(port)]
    command = [*program, "{openai.base_url}/v1", "{backup.base_url}/v1", *gateway.split()]
    reply = {"ttft": "20ms", "tokens": 5, "tokens_per_second": 0}
    provider = {"dialect": "openai", "model": "gpt-4", "reply": reply}
    chain = {
        "name": "ours",
        "driver": "endpoint",
        "endpoint": {"base_url": f"http://127.0.0.1:{port}/v1", "model": "best", "command": command, **more},
        "providers": {"openai": provider, "backup": provider},
        "order": ["openai", "backup"],
        "retry": {"attempts": 1},
    }
    return json.dumps(chain)  # which is YAML
