"""A chain file to begin with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.chain import load
from harness.errors import HarnessError, UsageError
from harness.experiment import check, new_chain


def test_a_starter_checks_clean(tmp_path: Path) -> None:
    """Without a provider it has the three usual ones, and `check` has nothing to say about it."""
    path = tmp_path / "my-chain.yaml"
    text = new_chain(path, (), "reference")
    assert path.read_text() == text
    (found,) = check(path)
    assert (found.error, found.warnings) == (None, ())
    chain = load(path)
    assert (chain.name, chain.order) == ("my-chain", ("openai", "azure", "anthropic"))


def test_the_last_provider_is_asked_before_callers_leave(tmp_path: Path) -> None:
    """However many there are: the more, the shorter is the timeout."""
    for count in range(2, 7):
        path = tmp_path / f"{count}.yaml"
        new_chain(path, [f"openai/gpt-{number}" for number in range(count)], "reference")
        chain = load(path)
        assert chain.retry is not None
        assert (count - 1) * (chain.retry.attempts or 0) * (chain.timeout or 0) <= 50 * 10**9


def test_providers_are_written_as_litellm_does(tmp_path: Path) -> None:
    """Own dialects, vendors that speak OpenAI's format, names without a vendor; a second one has a number, or a name."""
    path = tmp_path / "c.yml"
    names = ["groq/llama-3.3-70b", "gpt-4o", "vertex_ai/gemini-2.5-pro", "openai/org/model:x", "fast=openai/mini"]
    new_chain(path, names, "litellm-proxy")
    found = {name: (each.dialect, each.vendor, each.model) for name, each in load(path).providers.items()}
    assert found == {
        "groq": ("openai-compatible", "groq", "llama-3.3-70b"),
        "openai": ("openai", None, "gpt-4o"),
        "vertex-ai": ("vertex_ai", None, "gemini-2.5-pro"),
        "openai-2": ("openai", None, "org/model:x"),
        "fast": ("openai", None, "mini"),
    }


@pytest.mark.parametrize(
    ("name", "providers", "driver", "reason"),
    [
        ("c.yaml", ["openai/gpt-4o"], "reference", "falls back to a second provider"),
        ("c.yaml", ["opnai/gpt-4o", "azure/x"], "reference", "unknown provider 'opnai'(.|\n)*did you mean 'openai'"),
        ("c.yaml", ["azure/", "openai/x"], "reference", "not known whose model 'azure/' is"),
        ("c.yaml", ["anthropic/x", "openai/x"], "openai-sdk", "OpenAI's SDK does not speak anthropic"),
        ("c.yaml", [], "refrence", "no starter for the driver 'refrence'(.|\n)*did you mean 'reference'"),
        ("c.yaml", [], "endpoint", "needs more than providers"),
        ("c.yaml", ["a=openai/x", "a=azure/x"], "reference", "a second provider is called 'a'"),
        ("c.yaml", ["a b=openai/x", "azure/x"], "reference", "not a provider's name: 'a b'"),
        ("c.json", [], "reference", "ends in .yaml"),
        ("taken.yaml", [], "reference", "is there already, and is left as it is"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, name: str, providers: list[str], driver: str, reason: str) -> None:
    """Nothing is written, and nothing is written over."""
    (tmp_path / "taken.yaml").write_text("mine")
    with pytest.raises(UsageError) as caught:
        new_chain(tmp_path / name, providers, driver)
    assert re.search(reason, str(caught.value))
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"taken.yaml": "mine"}


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """The error names the file."""
    with pytest.raises(HarnessError, match="No such file or directory"):
        new_chain(tmp_path / "none" / "c.yaml", (), "reference")
