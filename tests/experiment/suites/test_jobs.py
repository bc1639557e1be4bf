"""What a suite is to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.experiment.suites.jobs import jobs
from harness.report.scorecard import LeftOut
from tests.experiment.files import chain, scenario


def test_every_scenario_on_every_chain_with_every_seed(tmp_path: Path) -> None:
    """In that order, each cell's seeds counting up, each with the command that repeats it."""
    scenario(tmp_path, "one")
    scenario(tmp_path, "two")
    a, b = chain(tmp_path, "a"), chain(tmp_path, "b")
    found = jobs([tmp_path / "one.yaml", tmp_path / "two.yaml"], chains=[a, b], seed=7, repeat=2)
    seen = [(job.cell, job.loaded.plan.name, job.loaded.plan.chain.name, job.loaded.plan.seed) for job in found]
    assert seen == [
        (0, "one", "a", 7),
        (0, "one", "a", 8),
        (1, "one", "b", 7),
        (1, "one", "b", 8),
        (2, "two", "a", 7),
        (2, "two", "a", 8),
        (3, "two", "b", 7),
        (3, "two", "b", 8),
    ]
    assert found[1].command == f"harness run {tmp_path}/one.yaml --chain {a} --seed 8"
    assert len({job.loaded.plan.digest for job in found}) == len(found)


def test_a_scenario_brings_its_own_chain_and_seed(tmp_path: Path) -> None:
    """Where the command line names none."""
    (job,) = jobs([scenario(tmp_path, "one")])
    assert (job.loaded.plan.chain.name, job.loaded.plan.seed) == ("chain", 1)
    assert job.command == f"harness run {tmp_path}/one.yaml --seed 1"
    (job,) = jobs([tmp_path / "one.yaml"], engine="sim")
    assert job.command == f"harness run {tmp_path}/one.yaml --engine sim --seed 1"


def test_our_own_scenarios_are_known_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In any folder; the user's own files of that name go first, and an unknown name is an error."""
    monkeypatch.chdir(tmp_path)
    mine = chain(tmp_path, "a")
    found = jobs([Path("smoke")], chains=[mine])
    assert {job.command for job in found} >= {"harness run smoke/refused.yaml --chain " + str(mine) + " --seed 1"}
    scenario(tmp_path / "smoke", "one")
    assert len(jobs([Path("smoke")], chains=[mine])) == 1
    with pytest.raises(UsageError):
        jobs([Path("smoek")], chains=[mine])


def test_a_folder_gives_all_its_scenarios_and_nothing_else(tmp_path: Path) -> None:
    """Those of folders in it too, by name, each once; chains and other files are passed over."""
    scenario(tmp_path / "b", "two")
    first = scenario(tmp_path / "a", "one")
    (tmp_path / "compose.yaml").write_text("services: {}")
    found = jobs([tmp_path, first])
    assert [job.loaded.plan.name for job in found] == ["one", "two"]


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    """Each file's own, a chain's once however many scenarios meet it, and a folder without any."""
    for name in ("one", "two"):
        scenario(tmp_path, name)
    (tmp_path / "bad.yaml").write_text("name: bad\nphases: {a: 5}\nfaults: []\n")
    (tmp_path / "torn.yaml").write_text("name: [")
    (tmp_path / "empty").mkdir()
    broken = tmp_path / "chains" / "broken.yaml"
    broken.parent.mkdir()
    broken.write_text("name: broken\nproviders: {}\n")
    with pytest.raises(UsageError) as caught:
        jobs([tmp_path, tmp_path / "empty", tmp_path / "none.yaml"], chains=[broken])
    told = str(caught.value)
    for part in ("bad.yaml", "torn.yaml", "broken.yaml", "no scenario in this folder", "none.yaml"):
        assert part in told
    assert told.count("driver: missing") == told.count("order: missing") == 1
    assert caught.value.exit_code == 2


def test_a_single_problem_keeps_its_place_and_hint(tmp_path: Path) -> None:
    """As with `harness run`."""
    path = scenario(tmp_path, "one")
    path.write_text(path.read_text().replace("on: primary", "on: primry"))
    with pytest.raises(UsageError) as caught:
        jobs([path])
    assert caught.value.where == f"{path}:7: faults[0].on"
    assert caught.value.hint == "did you mean 'primary'?"


def test_a_scenario_is_left_out_where_a_chain_lacks_what_it_needs(tmp_path: Path) -> None:
    """A kind of request that no provider has, a role that nobody has; cells count up without it. Alone, that is an error."""
    one = scenario(tmp_path, "one")
    vectors = scenario(tmp_path, "vectors")
    vectors.write_text(vectors.read_text().replace("load: {", "load: {mix: [{share: 100%, kind: embeddings}], "))
    third = scenario(tmp_path, "third")
    third.write_text(third.read_text().replace("on: primary", "on: fallback-2"))
    with_vectors, chats = chain(tmp_path, "with-vectors"), chain(tmp_path, "chats")
    chats.write_text(chats.read_text().replace("dialect: openai", "dialect: anthropic"))
    left_out: list[LeftOut] = []

    found = jobs([tmp_path], chains=[chats, with_vectors], left_out=left_out)

    assert [(job.cell, job.loaded.plan.name, job.chain_file) for job in found] == [
        (0, "one", chats),
        (1, "one", with_vectors),
        (2, "vectors", with_vectors),
    ]
    assert left_out == [
        LeftOut(scenario=str(third), chain=str(chats), why="the chain has no fallback-2"),
        LeftOut(scenario=str(third), chain=str(with_vectors), why="the chain has no fallback-2"),
        LeftOut(scenario=str(vectors), chain=str(chats), why="openai has no embeddings: its dialect is anthropic"),
    ]
    with pytest.raises(UsageError, match="the chain has no fallback-2"):
        jobs([third], chains=[chats], left_out=[])
    with pytest.raises(UsageError, match="the chain has no fallback-2"):
        jobs([third, one], left_out=[])  # it is the scenario's own chain


def test_real_providers_need_a_word_for_it(tmp_path: Path) -> None:
    """As with `harness run`: without permission nothing leaves this machine and nothing is spent; one message."""
    for name in ("one", "two"):
        scenario(tmp_path, name)
    real = tmp_path / "real.yaml"
    real.write_text(
        "name: real\ndriver: litellm-router\norder: [openai]\nproviders:\n"
        "  openai: {dialect: openai, model: gpt-4, upstream: 'https://api.invalid/v1', price: {input: 1, output: 1}}\n"
    )
    with pytest.raises(UsageError, match="this would call real providers") as caught:
        jobs([tmp_path], chains=[real])
    assert "--allow-real" in (caught.value.hint or "")
