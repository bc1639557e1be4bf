"""The process in which LiteLLM is asked."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.interpreters import script

from .cases import STREAMS
from .through_litellm import LITELLM, ask_all


def ask(python: str) -> None:
    """Ask one case of each way, of a program that is no interpreter."""
    hosts = dict.fromkeys(LITELLM, "http://127.0.0.1:1")
    asked = {(name, STREAMS[0].name): STREAMS[0] for name in LITELLM}
    asyncio.run(ask_all(python, LITELLM, hosts, asked, dict.fromkeys(asked, "hello"), {True: 1, False: 1}))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("cat >/dev/null; echo broken >&2; exit 3", "ended with 3: broken"),
        ("cat >/dev/null", r"no answer to \[\('litellm-bedrock', 'stream-fine'\)"),
    ],
)
def test_a_process_that_does_not_answer_is_no_measurement(tmp_path: Path, text: str, problem: str) -> None:
    """Or a LiteLLM that cannot be imported would be taken for one that raises nothing."""
    with pytest.raises(RuntimeError, match=problem):
        ask(script(tmp_path / "python", text))
