"""LiteLLM's proxy with a real Postgres: tenants' keys and budgets, an outage of the database, a restart of the gateway."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.system.conftest import finish, launch
from tests.system.database.server import Database, database

pytestmark = [pytest.mark.system, pytest.mark.slow]

CHAIN = """\
name: keyed
driver: litellm-proxy
keys:
  database: env/DATABASE_URL
  tenants: {gold: {}, late: {}, free: {budget: 0.015}}
providers:
  openai: {dialect: openai, model: gpt-4, reply: {ttft: 20ms, tokens: 20, tokens_per_second: 0}}
  azure:  {dialect: azure,  model: gpt-4, reply: {ttft: 20ms, tokens: 20, tokens_per_second: 0}}
order: [openai, azure]
retry: {attempts: 2}
timeout: 5s
"""
SCENARIO = """\
name: keyed
chain: chain.yaml
load:
  arrivals: trace
  trace: trace.csv
  deadline: 12s
  mix:
    - {kind: chat, share: 40%, headers: {authorization: tenant/gold}}
    - {kind: responses, share: 30%, headers: {authorization: tenant/late}}
    - {kind: tools, share: 30%, headers: {authorization: tenant/free}}
phases: {baseline: 4s, outage: 16s, recovery: 8s}
faults:
  - {on: database, during: outage, inject: {connection: refused}}
expect:
  - success_rate of chat in outage >= 50%
  - no spend_disagrees
"""
LATE_S = 6
"""When the tenant `late` comes for the first time: while the database is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A run that has ended.

    Attributes:
        folder: The run's.
        verdict: Its answer.
        err: What it printed.
        database: Where its keys were.
    """

    folder: Path
    verdict: dict[str, Any]
    err: str
    database: Database

    def table(self, name: str) -> pd.DataFrame:
        """Return one of its tables."""
        return pd.read_parquet(self.folder / f"{name}.parquet")


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A Postgres with LiteLLM's tables."""
    with database(tmp_path_factory.mktemp("database")) as found:
        yield found


def write(folder: Path, scenario: str = SCENARIO) -> Path:
    """Write the files of a run; return the scenario's."""
    kinds = ["chat", "responses", "chat", "tools"]
    rows = [(place * 0.25, kinds[place % 4]) for place in range(28 * 4)]
    rows = [(at_s, "chat" if kind == "responses" and at_s < LATE_S else kind) for at_s, kind in rows]
    (folder / "trace.csv").write_text("\n".join(["at,kind", *(f"{at_s},{kind}" for at_s, kind in rows)]) + "\n")
    (folder / "chain.yaml").write_text(CHAIN)
    path = folder / "scenario.yaml"
    path.write_text(scenario)
    return path


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, postgres: Database) -> Ran:
    """One run in which the database is gone for a while."""
    folder = tmp_path_factory.mktemp("keyed")
    run = launch(folder, "run", str(write(folder)), env=dict(postgres.environ))
    try:
        code, out, err = run.end()
        assert code in (0, 1, 3), (out, err)
        return Ran(folder=run.folder, verdict=json.loads(out)["verdict"], err=err, database=postgres)
    finally:
        finish(run)


def test_tenants_have_keys_as_long_as_the_run_lasts(ran: Ran) -> None:
    """Each was served by its own; none is left."""
    requests = ran.table("requests")

    assert requests[(requests["kind"] == "chat") & (requests["phase"] == "baseline")]["complete"].any()
    assert ran.database.ask('select count(*) from "LiteLLM_VerificationToken"') == ["0"]


def test_the_database_was_gone(ran: Ran) -> None:
    """The gateway's open connections broke, and it was there again."""
    (fault,) = ran.table("faults").to_dict("records")

    assert (fault["leg"], fault["kind"]) == ("database", "refused")
    assert fault["fired"] > 0
    assert fault["reverted_ns"] > fault["applied_ns"]


def test_a_key_in_memory_is_served_and_one_that_is_not_waits_for_the_database_or_fails(ran: Ran) -> None:
    """As LiteLLM keeps a key for 60 s."""
    requests = ran.table("requests")
    (fault,) = ran.table("faults").to_dict("records")
    outage = requests[requests["start_ns"].between(fault["applied_ns"], fault["reverted_ns"])]

    assert outage[outage["kind"] == "chat"]["complete"].mean() > 0.8
    cold = outage[outage["kind"] == "responses"]
    assert len(cold) > 5
    assert not cold[cold["end_ns"] < fault["reverted_ns"]]["complete"].any()
    later = requests[requests["phase"] == "recovery"]
    assert later[later["kind"] == "responses"]["complete"].any()


def test_a_used_up_budget_is_the_tenants_own(ran: Ran) -> None:
    """Its requests get 422; other tenants do not notice."""
    requests = ran.table("requests")

    assert 422 in set(requests[requests["kind"] == "tools"]["status"].dropna())
    assert 422 not in set(requests[requests["kind"] != "tools"]["status"].dropna())


def test_spend_is_held_against_what_the_attempts_cost(ran: Ran) -> None:
    """That of the tenant who was hardly served before the outage was over is right, warm-up calls aside."""
    assert set(ran.table("spend")["tenant"]) == {"gold", "late", "free"}
    assert ran.table("spend")["error"].isna().all()
    (found,) = (finding for finding in ran.verdict["findings"] if finding["id"] == "spend_disagrees")
    assert found["samples"] > 20
    assert "late" not in found["message"]


def test_no_secret_is_kept(ran: Ran) -> None:
    """Neither the database's password nor a key."""
    kept = b"".join(path.read_bytes() for path in ran.folder.rglob("*") if path.is_file())
    for name in ("DATABASE_URL", "LITELLM_MASTER_KEY", "LITELLM_SALT_KEY"):
        assert ran.database.environ[name].encode() not in kept
    assert b"password-of-the-database" not in kept


def test_keys_of_a_killed_run_are_deleted_by_the_next_one(tmp_path: Path, postgres: Database) -> None:
    """Nobody could do it before; the next one says so, though it is interrupted itself."""
    query = 'select count(*) from "LiteLLM_VerificationToken"'
    path = write(tmp_path, SCENARIO.replace("recovery: 8s", "recovery: 300s"))
    killed = launch(tmp_path, "run", str(path), env=dict(postgres.environ))
    try:
        killed.until(0.5)
        killed.process.send_signal(signal.SIGKILL)
        killed.process.wait(60)
        assert postgres.ask(query) == ["3"]
    finally:
        finish(killed)
    other = tmp_path / "next"
    other.mkdir()
    next_one = launch(other, "run", str(path), env=dict(postgres.environ))
    try:
        next_one.until(0.5)
        next_one.process.send_signal(signal.SIGINT)
        code, _out, err = next_one.end()
    finally:
        finish(next_one)
    assert code == 130
    assert "deleted 3 keys of runs that had been killed" in err
    assert postgres.ask(query) == ["0"]
