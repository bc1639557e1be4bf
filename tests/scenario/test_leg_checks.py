"""Faults on the gateway and its database: which chains have these, and what can go wrong there."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import HarnessError, Unfit, each_error
from harness.experiment.prepare import load
from tests import plans

GATEWAY = """\
name: ours
driver: endpoint
endpoint: {{base_url: "{address}", model: best{more}}}
providers: {{openai: {{dialect: openai, model: gpt-4, listen: "127.0.0.1:18081"}}}}
order: [openai]
"""
STARTED = GATEWAY.format(address="http://127.0.0.1:8787/v1", more=", command: [gateway, '{openai.base_url}']")
SCENARIO = """\
name: legs
chain: chain.yaml
load: {{rate: 10/s}}
phases: {{before: 1s, fault: 2s}}
faults:
  - {{{fault}, during: fault}}
"""


def errors(folder: Path, chain: str, fault: str) -> list[HarnessError]:
    """Return what is wrong with a scenario of one fault on a chain."""
    (folder / "chain.yaml").write_text(chain)
    scenario = folder / "scenario.yaml"
    scenario.write_text(SCENARIO.format(fault=fault))
    try:
        load(scenario)
    except HarnessError as error:
        return list(each_error(error))
    return []


@pytest.mark.parametrize(
    "inject", ["process: kill", "process: restart", "connection: slow, delay: 1s", "connection: reset"]
)
def test_what_can_go_wrong_at_a_gateway_that_is_started(tmp_path: Path, inject: str) -> None:
    """Its process can be ended, and Toxiproxy fits in front of it."""
    assert errors(tmp_path, STARTED, f"on: gateway, inject: {{{inject}}}") == []


def test_the_window_names_its_leg(tmp_path: Path) -> None:
    """So nothing takes it for one at a provider."""
    assert errors(tmp_path, STARTED, "on: gateway, inject: {process: kill}") == []
    timeline = load(tmp_path / "scenario.yaml").plan.timeline
    (window,) = timeline.on("gateway")

    assert (window.leg, window.provider, window.text) == ("gateway", "gateway", "kill")
    assert timeline.at("gateway") == ()
    assert timeline.listeners == {}
    assert timeline.ending == {window.fault_id}


@pytest.mark.parametrize(
    ("chain", "fault", "problem"),
    [
        (STARTED, "on: gateway, inject: {connection: throttle, bytes_per_second: 1000}", "cannot act on the gateway"),
        (STARTED, "on: gateway, inject: {status: 503}", "`status` cannot act on the gateway"),
        (STARTED, "on: gateway, inject: {connection: reset}, share: 10%", "`share` does not go with a fault on"),
        (STARTED, "on: [gateway, primary], inject: {connection: reset}", "'gateway' goes with no other name"),
        (STARTED, "on: primary, inject: {process: kill}", "`process: kill` acts on the gateway alone"),
        (STARTED, "on: gatewy, inject: {process: kill}", "unknown provider 'gatewy'"),
    ],
)
def test_mistakes(tmp_path: Path, chain: str, fault: str, problem: str) -> None:
    """Each is named, and is the user's: no chain could do it."""
    found = errors(tmp_path, chain, fault)

    assert problem in found[0].problem
    assert not isinstance(found[0], Unfit)


@pytest.mark.parametrize(
    ("chain", "fault", "problem", "hint"),
    [
        (
            plans.chain_file("openai"),
            "on: gateway, inject: {process: kill}",
            "`driver: reference` has no gateway",
            "driver: endpoint or litellm-proxy",
        ),
        (
            GATEWAY.format(address="http://127.0.0.1:8787/v1", more=""),
            "on: gateway, inject: {process: kill}",
            "the harness does not start this gateway",
            "`command` in `endpoint`",
        ),
        (
            GATEWAY.format(address="https://gateway.example/v1", more=""),
            "on: gateway, inject: {connection: reset}",
            "by https",
            "base_url",
        ),
        (STARTED, "on: database, inject: {connection: refused}", "has no database", ""),
    ],
)
def test_chains_that_lack_what_is_to_fail(tmp_path: Path, chain: str, fault: str, problem: str, hint: str) -> None:
    """A suite leaves the scenario out on such a chain."""
    (found,) = errors(tmp_path, chain, fault)

    assert isinstance(found, Unfit)
    assert problem in found.problem
    assert hint in (found.hint or "")


def test_a_provider_of_that_name_comes_first(tmp_path: Path) -> None:
    """`gateway` may be what somebody calls a provider."""
    chain = plans.chain_file("gateway", "openai")

    assert errors(tmp_path, chain, "on: gateway, inject: {status: 503}") == []
    (window,) = load(tmp_path / "scenario.yaml").plan.timeline.windows
    assert window.at_provider


KEYED = plans.chain_file(
    "openai", driver="litellm-proxy", more="keys: {database: env/DATABASE_URL, tenants: {gold: {budget: 1}}}"
)


def test_a_gateway_with_a_database_can_lose_it(tmp_path: Path) -> None:
    """In each of the three ways, and in no other."""
    for inject in ("connection: refused", "connection: slow, delay: 1s", "connection: silent"):
        assert errors(tmp_path, KEYED, f"on: database, inject: {{{inject}}}") == []
    (found,) = errors(tmp_path, KEYED, "on: database, inject: {process: kill}")
    assert "`process: kill` cannot act on the gateway's database" in found.problem


@pytest.mark.parametrize(
    ("chain", "tenant", "problem"),
    [(KEYED, "gold", ""), (KEYED, "silver", "no tenant 'silver'"), (STARTED, "gold", "no tenant 'gold'")],
)
def test_a_mix_names_tenants_of_the_chain(tmp_path: Path, chain: str, tenant: str, problem: str) -> None:
    """Their keys are made by the run, so the scenario holds none."""
    (tmp_path / "chain.yaml").write_text(chain)
    scenario = tmp_path / "scenario.yaml"
    mix = f"mix: [{{headers: {{authorization: tenant/{tenant}}}}}]"
    scenario.write_text(f"name: t\nchain: chain.yaml\nload: {{rate: 1/s, {mix}}}\nphases: {{only: 2s}}\nfaults: []\n")
    try:
        assert load(scenario).plan.parts[0].tenant == tenant
        found = ""
    except Unfit as error:
        found = error.problem
    assert problem in found
    assert bool(problem) == bool(found)
