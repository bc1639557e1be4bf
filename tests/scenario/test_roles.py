"""What a role stands for where requests ask for several models."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.experiment.prepare import load

CHAIN = """\
name: two-models
driver: reference
providers:
  openai: {dialect: openai, model: gpt-4}
  azure: {dialect: azure, model: gpt-4}
  anthropic: {dialect: anthropic, model: claude}
order: [openai, azure]
chains: {anthropic: [azure]}
"""
CHATS = "[{share: 50%}, {share: 50%, kind: tools}]"
MODELS = "[{share: 50%}, {share: 50%, model: anthropic}]"


def broken(folder: Path, on: str, mix: str) -> list[str]:
    """Return the providers that a fault breaks."""
    (folder / "chain.yaml").write_text(CHAIN, encoding="utf-8")
    scenario = folder / "scenario.yaml"
    lines = ["name: roles", "chain: chain.yaml", f"load: {{rate: 1/s, mix: {mix}}}", "phases: {fault: 9s}"]
    lines += [f"faults: [{{on: {on}, during: fault, inject: {{status: 503}}}}]"]
    scenario.write_text("\n".join(lines), encoding="utf-8")
    return [window.provider for window in load(scenario).plan.timeline.windows]


@pytest.mark.parametrize(
    ("on", "mix", "providers"),
    [
        ("primary", CHATS, ["openai"]),
        ("primary of openai", CHATS, ["openai"]),
        ("primary of openai", MODELS, ["openai"]),
        ("primary of anthropic", MODELS, ["anthropic"]),
        ("fallbacks of anthropic", MODELS, ["azure"]),
        ("all of openai", MODELS, ["openai", "azure"]),
        ("[primary of openai, primary of anthropic]", MODELS, ["openai", "anthropic"]),
        ("fallback-1", MODELS, ["azure"]),
        ("primary", "[{share: 100%, model: anthropic}]", ["anthropic"]),
    ],
)
def test_a_role_is_that_of_a_model(tmp_path: Path, on: str, mix: str, providers: list[str]) -> None:
    """A role alone is enough where it means the same for all requests."""
    assert broken(tmp_path, on, mix) == providers


@pytest.mark.parametrize("role", ["primary", "all"])
def test_a_role_with_several_meanings_is_refused(tmp_path: Path, role: str) -> None:
    """It must say of which model."""
    with pytest.raises(UsageError) as caught:
        broken(tmp_path, role, MODELS)
    error = caught.value
    assert error.problem == f"'{role}' of which model? The requests of the mix have different orders"
    assert (error.where or "").endswith("scenario.yaml:5: faults[0].on")
    assert error.known == f"{role} of openai, {role} of anthropic"
    assert error.hint == f"write {role} of openai"


@pytest.mark.parametrize(
    ("on", "problem", "hint"),
    [
        ("primary of anthropc", "the chain has no primary of anthropc", "did you mean 'primary of anthropic'?"),
        ("fallback-2 of anthropic", "the chain has no fallback-2 of anthropic", ...),
        ("fallback-7", "the chain has no fallback-7", ...),
    ],
)
def test_a_role_that_no_model_has(tmp_path: Path, on: str, problem: str, hint: object) -> None:
    """With what there is."""
    with pytest.raises(UsageError) as caught:
        broken(tmp_path, on, MODELS)
    assert caught.value.problem == problem
    assert "primary of anthropic" in (caught.value.known or "")
    assert hint in (..., caught.value.hint)


def test_orders_of_their_own_leave_a_role_open(tmp_path: Path) -> None:
    """Chats begin at OpenAI, embeddings at Azure: `primary` is neither."""
    with pytest.raises(UsageError, match="'primary' of which model"):
        broken(tmp_path, "primary", "[{share: 50%}, {share: 50%, kind: embeddings, chain: [azure]}]")
    assert broken(tmp_path, "primary", "[{share: 50%}, {share: 50%, kind: embeddings, chain: [openai]}]") == ["openai"]


def test_a_kind_that_the_mix_lacks_is_reported_with_its_line(tmp_path: Path) -> None:
    """Expectations are read with the kinds of the mix."""
    (tmp_path / "chain.yaml").write_text(CHAIN, encoding="utf-8")
    scenario = tmp_path / "scenario.yaml"
    lines = ["name: kinds", "chain: chain.yaml", f"load: {{rate: 9/s, mix: {CHATS}}}", "phases: {fault: 90s}"]
    lines += ["faults: []", "expect:", "  - success_rate of tools in fault >= 90%", "  - success_rate of tool >= 90%"]
    scenario.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load(scenario)
    assert (caught.value.where or "").endswith("scenario.yaml:8: expect[1]")
    assert (caught.value.problem, caught.value.known) == ("unknown kind 'tool'", "chat, tools")
    scenario.write_text("\n".join(lines[:-1]), encoding="utf-8")
    assert [each.kind for each in load(scenario).plan.expectations] == ["tools"]
