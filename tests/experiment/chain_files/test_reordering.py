"""A chain in another order: the text of its file, and what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.chain import load
from harness.errors import UsageError
from harness.experiment.chain_files.applying import apply
from harness.experiment.chain_files.reordering import ChainPlace, OrderedChain, ordered_chain
from tests.experiment.chain_files.files import beside, lines

CHAIN = b"""\
# ours
name: three
driver: litellm-router
providers:
  openai:    {dialect: openai, model: gpt-4}  # the first
  azure:     {dialect: azure, model: gpt-4, enabled: false}
  anthropic: {dialect: anthropic, model: claude-sonnet-4}
  spare:     {dialect: openai, model: gpt-4o}
order: [openai, azure, anthropic]  # as agreed
retry: {attempts: 2, on: [rate_limit]}
"""
CONFIG = b"""\
model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_key: os.environ/OPENAI_API_KEY}
  - model_name: backup
    litellm_params: {model: azure/gpt-4o, api_key: os.environ/AZURE_API_KEY}
  - model_name: last
    litellm_params: {model: anthropic/claude-sonnet-4, api_key: os.environ/ANTHROPIC_API_KEY}
litellm_settings:
  fallbacks: [{gpt-4o: [backup, last]}]  # as agreed
"""


def opened(tmp_path: Path, raw: bytes) -> OrderedChain:
    """Return a file that is opened to be reordered."""
    path = tmp_path / "chain.yaml"
    path.write_bytes(raw)
    return ordered_chain(path)


def on(*names: str) -> list[ChainPlace]:
    """Return providers that are switched on; a name that begins with `-` is switched off."""
    return [ChainPlace(name.removeprefix("-"), on=not name.startswith("-")) for name in names]


def test_a_chain_file_is_read_in_its_order(tmp_path: Path) -> None:
    """Who is disabled, or not in the order, is switched off."""
    found = opened(tmp_path, CHAIN)
    assert list(found.places) == on("openai", "-azure", "anthropic", "-spare")
    assert found.models == {"openai": "gpt-4", "azure": "gpt-4", "anthropic": "claude-sonnet-4", "spare": "gpt-4o"}
    assert found.fixed is None


def test_a_chain_file_changes_in_its_order_alone(tmp_path: Path) -> None:
    """Comments and spaces stay; the file says the new order and who is switched off."""
    found = opened(tmp_path, CHAIN)
    after = found.reordered(on("anthropic", "azure", "-openai", "-spare"))
    changed = [pair for pair in zip(CHAIN.splitlines(), after.splitlines(), strict=True) if pair[0] != pair[1]]
    assert [new for _, new in changed] == [
        b"  openai:    {dialect: openai, model: gpt-4, enabled: false}  # the first",
        b"  azure:     {dialect: azure, model: gpt-4, enabled: true}",
        b"order: [anthropic, azure, openai]  # as agreed",
    ]
    assert load(found.path, raw=after).order == ("anthropic", "azure")


def test_a_spare_provider_joins_the_order(tmp_path: Path) -> None:
    """One that was not in the order is written where it was put."""
    found = opened(tmp_path, CHAIN)
    after = found.reordered(on("openai", "spare", "-azure", "anthropic"))
    assert b"order: [openai, spare, azure, anthropic]" in after
    assert load(found.path, raw=after).order == ("openai", "spare", "anthropic")


def test_nothing_moved_changes_nothing(tmp_path: Path) -> None:
    """The same order is the same file, to the byte."""
    found = opened(tmp_path, CHAIN)
    assert found.reordered(found.places) == CHAIN
    assert not found.proposal(found.places).new


@pytest.mark.parametrize(
    ("places", "problem"),
    [
        (on("-openai", "-azure", "-anthropic", "-spare"), "every provider is switched off"),
        (on("openai", "azure"), "not the providers of the chain"),
    ],
)
def test_no_such_chain(tmp_path: Path, places: list[ChainPlace], problem: str) -> None:
    """A chain without providers, or with others than the file's, is refused in words."""
    found = opened(tmp_path, CHAIN)
    with pytest.raises(UsageError, match=problem):
        found.reordered(places)


def test_a_proposal_is_written_with_a_backup_and_a_log(tmp_path: Path) -> None:
    """The file keeps its mode; what it held is beside it, and the log has a line."""
    found = opened(tmp_path, CHAIN)
    found.path.chmod(0o640)
    proposal = found.proposal(on("azure", "openai", "anthropic", "-spare"))
    assert any(line.startswith("+order: [azure, openai, anthropic]") for line in proposal.diff())
    assert found.path.read_bytes() == CHAIN
    apply(proposal, None, None, lambda _: None)
    assert b"order: [azure, openai, anthropic]" in found.path.read_bytes()
    assert found.path.stat().st_mode & 0o777 == 0o640
    assert [each.read_bytes() for each in beside(found.path)["backups"]] == [CHAIN]
    assert [line["did"] for line in lines(found.path)] == ["apply"]


def test_a_configuration_changes_in_its_fallbacks_alone(tmp_path: Path) -> None:
    """The groups after the first one change places, and who is switched off leaves the list."""
    found = opened(tmp_path, CONFIG)
    assert list(found.places) == on("gpt-4o", "backup", "last")
    assert found.reordered(on("gpt-4o", "last", "backup")) == CONFIG.replace(b"[backup, last]", b"[last, backup]")
    without = found.reordered(on("gpt-4o", "last", "-backup"))
    assert without == CONFIG.replace(b"[backup, last]", b"[last]")
    assert list(opened(tmp_path, without).places) == on("gpt-4o", "last", "-backup")
    assert opened(tmp_path, without).reordered(on("gpt-4o", "backup", "last")) == CONFIG


def test_a_configuration_without_fallbacks_gets_some(tmp_path: Path) -> None:
    """They are written where LiteLLM's router reads them."""
    bare = CONFIG[: CONFIG.index(b"litellm_settings")]
    after = opened(tmp_path, bare).reordered(on("gpt-4o", "last", "-backup"))
    assert after.startswith(bare)
    assert load(tmp_path / "chain.yaml", raw=after).drawn == "gpt-4o → last"


def test_a_configuration_s_first_group_stays(tmp_path: Path) -> None:
    """Callers name it, so no other can be asked first: the error says that."""
    found = opened(tmp_path, CONFIG)
    with pytest.raises(UsageError, match="gpt-4o must stay first") as caught:
        found.reordered(on("backup", "gpt-4o", "last"))
    assert caught.value.hint == found.fixed == "callers ask for gpt-4o by its name, so LiteLLM always asks it first"


def test_an_included_file_has_the_last_word(tmp_path: Path) -> None:
    """Fallbacks in a file that the configuration includes are not changed from here."""
    head, _, tail = CONFIG.partition(b"litellm_settings")
    (tmp_path / "more.yaml").write_bytes(b"router_settings" + tail)
    found = opened(tmp_path, b"include: [more.yaml]\n" + head)
    assert list(found.places) == on("gpt-4o", "backup", "last")
    with pytest.raises(UsageError, match="are in a file that it includes"):
        found.reordered(on("gpt-4o", "last", "backup"))


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        ("name: a\nload: {rate: 1/s}\nphases: {a: 1s}\n", "is a scenario", "open the chain"),
        ("name: a\ndriver: litellm-proxy\nconfig: other.yaml\n", "names a configuration", "other.yaml"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, problem: str, hint: str) -> None:
    """A scenario, and a file whose order is written elsewhere, name what to open instead."""
    with pytest.raises(UsageError, match=problem) as caught:
        opened(tmp_path, text.encode())
    assert hint in (caught.value.hint or "")


def test_what_else_decides_is_noted(tmp_path: Path) -> None:
    """Further orders of a chain file are no part of the list: a note names them."""
    raw = CHAIN.replace(b"litellm-router", b"reference").replace(b", enabled: false", b"")
    found = opened(tmp_path, raw + b"chains: {azure: [anthropic]}\n")
    assert found.notes == ("`chains:` has orders of its own for other models; they stay as they are",)


def test_a_gateway_decides_for_itself(tmp_path: Path) -> None:
    """The order in a file about a gateway that runs elsewhere describes it only."""
    found = ordered_chain(Path("scenarios/chains/composed-gateway.yaml"))
    assert found.notes[0].startswith("`driver: endpoint`: the gateway decides whom it asks")


def test_what_a_list_of_groups_cannot_do_is_noted(tmp_path: Path) -> None:
    """A group with several deployments and a fallback with fallbacks of its own are named; others need no note."""
    assert opened(tmp_path, CONFIG).notes == ()
    twice = CONFIG.replace(b"model_name: last", b"model_name: backup").replace(b"[backup, last]", b"[backup]")
    assert opened(tmp_path, twice).notes == (
        "LiteLLM picks among the deployments of backup itself: switch single ones in the file",
    )
    nested = CONFIG.replace(b"[backup, last]}", b"[backup]}, {backup: [last]}")
    assert opened(tmp_path, nested).notes == (
        "backup has fallbacks of its own, which LiteLLM tries next; they stay as they are",
    )
