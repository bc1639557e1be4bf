"""Configurations that tests put in place, and what is beside them afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.experiment.chain_files.proposal import Proposal

OLD = b"""\
# ours
model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_key: old-plain-secret}
  - model_name: backup
    litellm_params: {model: azure/gpt-4o, api_key: os.environ/AZURE_API_KEY}
router_settings:
  num_retries: 3  # many
  fallbacks: [{gpt-4o: [backup]}]
"""
NEW = OLD.replace(b"num_retries: 3", b"num_retries: 1").replace(b"old-plain-secret", b"new-plain-secret")


def proposal(path: Path, before: bytes | None = OLD, after: bytes = NEW, **fields: Any) -> Proposal:
    """Return a change of a file that is not tried."""
    return Proposal(path=path, before=before, after=after, source=Path("new.yaml"), **fields)


def beside(path: Path) -> dict[str, list[Path]]:
    """Return the files of a configuration's folder: `backups`, `unfinished`, `others`."""
    found: dict[str, list[Path]] = {"backups": [], "unfinished": [], "others": []}
    for each in sorted(path.parent.iterdir()):
        kind = "backups" if each.suffix == ".bak" else "unfinished" if each.name.endswith(".new") else "others"
        if each not in (path, audit(path)):
            found[kind].append(each)
    return found


def audit(path: Path) -> Path:
    """Return the log of a file."""
    return path.with_name(f"{path.name}.audit.jsonl")


def lines(path: Path) -> list[dict[str, Any]]:
    """Return what the log of a file holds."""
    return [json.loads(line) for line in audit(path).read_text().splitlines()]
