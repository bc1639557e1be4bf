"""How many requests per second of each kind the edge answers, next to chats, in one run.

The edge records every attempt, as in a live run, and has one core; the load has another. Passes alternate.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

from rig.result import Row, tell
from rig.servers import CHAT, PROMPT, cores, edge, request, throughput_per_s

ROUNDS = 5
PASS_S = 2.0
TARGET = 0.5
BATCHES = {"embeddings, batches of 8": request("/v1/embeddings", model="gpt-4", input=[PROMPT] * 8)}
"""Measured without a target: eight answers in one."""
_ASKED = {"model": "gpt-4", "messages": [{"role": "user", "content": PROMPT}]}
_TOOL = {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
KINDS = {
    "tools": request("/v1/chat/completions", **_ASKED, tools=[{"type": "function", "function": _TOOL}]),
    "embeddings": request("/v1/embeddings", model="gpt-4", input=PROMPT),
    **BATCHES,
}
"""Those beside chats."""


def measure() -> list[Row]:
    """Return requests per second of each kind, and the ratios to chats, pass by pass."""
    asked = {"chat": CHAT, **KINDS}
    per_s: dict[str, list[float]] = {kind: [] for kind in asked}
    with tempfile.TemporaryDirectory() as folder, edge(Path(folder)) as server:
        os.sched_setaffinity(0, cores()[1])
        for each in asked.values():
            throughput_per_s(server.port, 1.0, asked=each)
        for _ in range(ROUNDS):
            for kind, each in asked.items():
                per_s[kind].append(throughput_per_s(server.port, PASS_S, asked=each))
    rows = [Row(what=kind, measured=statistics.median(found), unit="requests/s") for kind, found in per_s.items()]
    for kind in KINDS:
        ratio = statistics.median(mine / chats for mine, chats in zip(per_s[kind], per_s["chat"], strict=True))
        row = Row(what=f"{kind} / chat", measured=ratio, unit="×")
        rows.append(row if kind in BATCHES else replace(row, target=f">= {TARGET:g}", met=ratio >= TARGET))
    return rows


if __name__ == "__main__":
    tell("edge_kinds", measure)
