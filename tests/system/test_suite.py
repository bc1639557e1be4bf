"""One suite on real parts, whose runs differ in all they can; each test reads one of them."""

from __future__ import annotations

import itertools
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.system.chains import CHAIN, PLAIN, behind, real
from tests.system.conftest import LiveRun, finish, launch, starved

pytestmark = pytest.mark.system

PLANTED, NAMED = "sk-planted-0123456789abcdef", "sk-fromenv-fedcba9876543210"
OURS, REAL = "hunter2-hunter2-hunter2", "sk-real-0123456789abcdef"
KEYS = {"PLANTED_KEY": NAMED, "OUR_KEY": OURS, "REAL_KEY": REAL}

SCENARIO = """\
name: {name}
chain: {name}-chain.yaml
load: {{rate: 8/s, arrivals: constant, deadline: 8s, streaming: {streaming}}}
phases: {{baseline: 1s, fault: 2s, recovery: 1s}}
faults:
  - {{on: primary, during: fault, inject: {{{inject}}}}}
expect: ["{expect}"]
"""
LENGTH_NS = 4 * 10**9
"""Of a scenario: runs whose beginnings lie closer together went on side by side."""
TOUR = """\
name: tour
chain: tour-chain.yaml
load: {rate: 14/s, arrivals: constant, deadline: 8s}
phases: {baseline: 1s, refused: 1500ms, between: 1s, reset: 1500ms, recovery: 1s}
faults:
  - {on: primary, during: refused, inject: {connection: refused}}
  - {on: primary, during: reset, inject: {connection: reset}, share: 60%}
  - {on: fallback-2, during: reset, inject: {status: 500}}
expect:
  - success_rate in refused >= 80%
  - no retry_storm
"""
WRONG = """\
name: wrong
chain: wrong-chain.yaml
load: {rate: 14/s, arrivals: constant, streaming: 30%, deadline: 5s}
phases: {only: 2s}
faults: []
"""
SHAPES = ("html", "empty", "no-choices", "choices-empty", "null", "error", "drop")
CONFIG = f"""\
model_list:
  - model_name: gpt-4
    litellm_params: {{model: openai/gpt-4, api_key: {PLANTED}}}
  - model_name: backup
    litellm_params: {{model: anthropic/claude-3-5-sonnet-20241022, api_key: os.environ/PLANTED_KEY}}
router_settings: {{num_retries: 1, fallbacks: [{{gpt-4: [backup]}}]}}
"""


LEGS = """\
name: legs
chain: legs-chain.yaml
load: {rate: 14/s, arrivals: constant, deadline: 5s}
phases: {baseline: 1s, slow: 1s, reset: 1s, kill: 1s, up: 4s, restart: 1s, recovery: 3s}
faults:
  - {on: gateway, during: slow, inject: {connection: slow, delay: 300ms}}
  - {on: gateway, during: reset, inject: {connection: reset}}
  - {on: gateway, during: kill, inject: {process: kill}}
  - {on: gateway, during: restart, inject: {process: restart}}
expect:
  - success_rate in slow >= 70%
  - success_rate in reset <= 50%
  - gateway_recovery < 60s
"""
EXAMPLES = Path(__file__).parents[2] / "examples" / "python-chains"
THREADS_CHAIN = """\
name: threads
driver: python
target: our_threads:answer
env: {FIRST: "{openai.base_url}/v1", SECOND: "{azure.base_url}/v1"}
providers:
  openai: {dialect: openai, model: gpt-4}
  azure: {dialect: openai, model: gpt-4}
order: [openai, azure]
"""
THREADS = """\
import os
import threading

import openai

print("printed at import")
CLIENTS = [openai.OpenAI(base_url=os.environ[name], max_retries=0, timeout=10) for name in ("FIRST", "SECOND")]
threading.Thread(target=threading.Event().wait, daemon=True).start()


def answer(messages, *, model):
    os.write(1, b"written to standard output\\n")
    try:
        return CLIENTS[0].chat.completions.create(model=model, messages=messages)
    except openai.APIError:
        return CLIENTS[1].chat.completions.create(model=model, messages=messages)
"""


def scenario(
    name: str, *, streaming: str = "0%", inject: str = "status: 503", expect: str = "success_rate >= 80%"
) -> str:
    """Return a scenario of four seconds."""
    return SCENARIO.format(name=name, streaming=streaming, inject=inject, expect=expect)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One of the suite's runs, read back.

    Attributes:
        folder: The run's.
        verdict: Its answer.
        cell: What the scorecard has of it.
    """

    folder: Path
    verdict: dict[str, Any]
    cell: dict[str, Any]

    def table(self, name: str) -> pd.DataFrame:
        """Return one of its tables."""
        return pd.read_parquet(self.folder / f"{name}.parquet")

    def captured(self, process: str) -> list[tuple[str, dict[str, Any]]]:
        """Return what a process captured: kind and row."""
        lines = (self.folder / "capture" / f"{process}.jsonl").read_text().splitlines()
        return [(kind, row) for kind, row in map(json.loads, lines)]

    def check(self, status: str) -> None:
        """It has this answer, in its folder and on the scorecard, or the machine was too busy for any."""
        assert self.verdict["status"] == status or starved(self.verdict, self.folder), self.verdict
        assert self.cell["status"] == self.verdict["status"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """The suite, when it has ended.

    Attributes:
        run: Its process, and what was seen of it.
        code: Its exit code.
        card: The scorecard.
        done: Its runs, by scenario.
        err: Its standard error.
        folder: Where it was told to write.
    """

    run: LiveRun
    code: int
    card: dict[str, Any]
    done: dict[str, Done]
    err: str
    folder: Path

    def hides(self, secret: str) -> bool:
        """Return whether a secret, or its end, is in nothing that was printed, shown or saved."""
        kept = b"".join(path.read_bytes() for path in self.folder.joinpath("reports").rglob("*") if path.is_file())
        rows = "".join(done.table("attempts").to_json() for done in self.done.values())
        said = self.err + self.run.listed + json.dumps(self.card) + rows
        return secret not in said and secret[-10:].encode() not in kept


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory, upstream: str) -> Iterator[Suite]:
    """Run everything: what takes longest, the imports and the waiting for the last requests, is shared."""
    folder = tmp_path_factory.mktemp("suite")
    slow_to_start = f"--rename other-model --no-keep-alive --slow-start 1 --key-variable OUR_KEY --api-key {OURS}-too"
    gateway = behind(slow_to_start, api_key="env/OUR_KEY", ready="/health", headers={"x-team": "chaos"})
    for name, text, chain in (
        ("tour", TOUR, CHAIN),
        ("planted", scenario("planted"), CONFIG),
        ("refused", scenario("refused", inject="connection: refused", expect="amplification < 0.5"), CHAIN),
        ("proxy", scenario("proxy", streaming="30%"), CHAIN.replace("litellm-router", "litellm-proxy")),
        ("plain", scenario("plain", streaming="40%"), PLAIN),
        ("real", scenario("real"), real(upstream)),
        ("gateway", scenario("gateway", streaming="40%"), gateway),
        ("wrong", WRONG, behind(" ".join(f"--answer {shape}" for shape in SHAPES))),
        ("function", scenario("function", streaming="40%"), (EXAMPLES / "openai-sdk-loop.yaml").read_text()),
        ("threads", scenario("threads"), THREADS_CHAIN),
        ("legs", LEGS, behind("")),
    ):
        (folder / f"{name}.yaml").write_text(text)
        (folder / f"{name}-chain.yaml").write_text(chain)
    (folder / "openai_sdk_loop.py").write_text((EXAMPLES / "openai_sdk_loop.py").read_text())
    (folder / "our_threads.py").write_text(THREADS)
    run = launch(folder, "suite", str(folder), "--junit", str(folder / "out.xml"), env=KEYS)
    try:
        code, out, err = run.end()
        assert code in (1, 3), (out, err)  # what it was is a test's question
        card = json.loads(out)
        folders = {cell["scenario"]: (Path(cell["run"]), cell) for cell in card["cells"]}
        done = {
            name: Done(folder=path, verdict=json.loads((path / "verdict.json").read_text()), cell=cell)
            for name, (path, cell) in folders.items()
        }
        yield Suite(run=run, code=code, card=card, done=done, err=err, folder=folder)
    finally:
        finish(run)


def test_the_worst_run_is_the_suites_answer(suite: Suite) -> None:
    """One scorecard of all, for people and for machines, and nothing is left behind."""
    refused = suite.done["refused"]
    refused.check("fail")
    if not starved(refused.verdict, refused.folder):
        assert (suite.code, refused.cell["score"]) == (1, "partial")
    assert len(ET.parse(suite.folder / "out.xml").findall(".//testcase")) == len(suite.done) == 11  # noqa: S314 - our own
    kept = Path(suite.card["suite"])
    assert kept.parent == suite.folder / "reports" / "suites"
    assert "Repeat with" in (kept / "scorecard.html").read_text()
    assert suite.run.leftovers() == []


def test_each_run_faces_its_own_fault_alone(suite: Suite) -> None:
    """Though one process drives them all, and those of a wave begin together."""
    seen = {
        name: {row["outcome"] for kind, row in suite.done[name].captured("chain") if kind == "chain"}
        for name in ("planted", "refused")
    }
    own = {"planted": "status", "refused": "refused"}
    assert {name: outcomes & set(own.values()) for name, outcomes in seen.items()} == {n: {o} for n, o in own.items()}
    assert all("ok" in outcomes for outcomes in seen.values())
    origins = sorted(
        row["at_ns"] for done in suite.done.values() for kind, row in done.captured("runner") if kind == "origin"
    )
    assert len(origins) == len(suite.done)
    assert min(later - earlier for earlier, later in itertools.pairwise(origins)) < LENGTH_NS


def test_every_fault_is_seen_by_those_who_can(suite: Suite) -> None:
    """Refused: recorded by the chain alone, with the window that caused it. Reset: by both sides, as a true RST. Never fired: reported."""
    tour = suite.done["tour"]
    attempts = tour.table("attempts")
    fired = {event["fault_id"]: event["fired"] for event in tour.table("faults").to_dict("records")}

    refused = attempts[attempts["outcome"] == "refused"]
    assert len(refused) >= 5  # the Router may spare a provider that failed so often
    assert set(refused["seen_by"]) == {"chain"}
    assert set(refused["fault_id"]) == {"fault-1"}
    assert fired["fault-1"] == (attempts["fault_id"] == "fault-1").sum()

    reset = attempts[attempts["fault_id"] == "fault-2"]
    assert len(reset) >= 3
    assert set(reset["outcome"]) == {"reset"}
    assert set(reset["seen_by"]) == {"both"}
    assert fired["fault-2"] == len(reset)
    seen = [row["outcome"] for kind, row in tour.captured("chain") if kind == "chain"]
    assert seen.count("reset") >= len(reset)

    assert fired["fault-3"] == 0
    tour.check("inconclusive")
    assert any("fault-3" in reason and "anthropic" in reason for reason in tour.verdict["reasons"])
    if not starved(tour.verdict, tour.folder):
        assert [row["status"] for row in tour.verdict["expectations"]] == ["pass", "pass"]


def test_a_planted_key_appears_nowhere(suite: Suite) -> None:
    """A secret in the configuration and one in the environment: in no record, log, report or process list."""
    suite.done["planted"].check("pass")
    assert suite.hides(PLANTED)
    assert suite.hides(NAMED)


def test_a_function_of_the_applications(suite: Suite) -> None:
    """Its attempts are recorded on both sides, and the second provider serves."""
    function = suite.done["function"]
    function.check("pass")
    requests, attempts = function.table("requests"), function.table("attempts")
    assert requests["complete"].all()
    assert set(attempts["seen_by"]) == {"both"}
    assert (requests.loc[requests["phase"] == "fault", "served_by"] == "openrouter").any()


def test_a_function_that_blocks_and_prints(suite: Suite) -> None:
    """It works in threads, and what it writes to standard output is in the log."""
    threads = suite.done["threads"]
    threads.check("pass")
    assert threads.table("requests")["complete"].all()
    log = (threads.folder / "logs" / "chain.log").read_text()
    assert "printed at import" in log
    assert "written to standard output" in log


def test_litellms_own_proxy(suite: Suite) -> None:
    """The same chain file with another driver: everything joined, and the proxy's key nowhere."""
    proxy = suite.done["proxy"]
    proxy.check("pass")
    requests, attempts = proxy.table("requests"), proxy.table("attempts")
    assert requests["complete"].all()
    assert attempts["request_id"].notna().all()
    assert set(attempts["seen_by"]) == {"both"}
    assert (requests.loc[requests["phase"] == "fault", "served_by"] == "azure").any()
    assert {"edge", "chain", "chain-1"} <= set(proxy.table("health")["process"])
    assert not any(b"Bearer" in path.read_bytes() for path in proxy.folder.rglob("*") if path.is_file())


def test_the_chain_of_plain_python(suite: Suite) -> None:
    """OpenAI's SDK and a second client, without a gateway: retried, fallen back, and seen from both sides."""
    plain = suite.done["plain"]
    plain.check("pass")
    requests, attempts = plain.table("requests"), plain.table("attempts")
    assert requests["complete"].all()
    assert set(attempts["seen_by"]) == {"both"}
    failed = attempts[attempts["fault_id"].notna()].groupby("request_id").size()
    assert failed.max() == 2
    assert (requests["served_by"] == "azure").any()


def test_faults_hit_a_real_provider(suite: Suite, upstream: str) -> None:
    """Passed through, broken, joined, judged; the answers are whole, the cost is known, and the key is nowhere."""
    done = suite.done["real"]
    done.check("pass")
    assert f"openai: real provider at {upstream}; at most 1000 requests, $5 in all" in suite.err
    requests, attempts = done.table("requests"), done.table("attempts")
    assert requests["complete"].all()
    assert (requests["served_by"] == "openai").any()
    assert (requests["served_by"] == "azure").any()
    at_real = attempts[attempts["provider"] == "openai"]
    passed = at_real["fault_id"].isna()
    assert (at_real["forwarded"] == passed).all()
    assert not attempts.loc[attempts["provider"] != "openai", "forwarded"].any()
    assert (at_real.loc[passed, "cost_usd"] > 0).all()
    assert (attempts["seen_by"] == "both").all()
    assert suite.hides(REAL)


def test_a_gateway_that_changes_all_it_can(suite: Suite) -> None:
    """One that needs a key and time, renames models, strips headers, holds streams back and cuts them anew.

    Everything still joins its request by the marker in the prompt, every answer is whole, and its key shows nowhere.
    """
    gateway = suite.done["gateway"]
    gateway.check("pass")
    requests, attempts = gateway.table("requests"), gateway.table("attempts")
    assert set(requests["streaming"]) == {True, False}
    assert requests["complete"].all()
    assert attempts["request_id"].notna().all()
    assert set(attempts["model"]) == {"other-model"}  # an argument of the gateway's command, but no secret
    assert set(attempts["seen_by"]) == {"edge"}
    assert set(requests.loc[requests["phase"] == "fault", "served_by"]) == {"backup"}
    assert "my key is (hidden)" in (gateway.folder / "logs" / "chain.log").read_text()
    kept = [path.read_bytes() for path in suite.run.reports.rglob("*") if path.is_file()]
    assert not any(OURS.encode() in data for data in kept)
    assert not re.search(rf"{OURS}(?!-too)", suite.err + suite.run.listed + json.dumps(suite.card))


def test_a_gateway_that_answers_in_the_wrong_shape(suite: Suite) -> None:
    """Every request has a record of what came; nothing counts as complete, and nothing broke in the load."""
    wrong = suite.done["wrong"]
    wrong.check("fail")
    if not starved(wrong.verdict, wrong.folder):
        failed = [row["id"] for row in wrong.verdict["findings"] if row["status"] == "fail"]
        assert failed == ["error_swallowed", "failed_unasked"]
    requests = wrong.table("requests")
    assert len(requests) == 28 + 1
    assert not requests["complete"].any()
    assert requests["error"].notna().all()
    told = " ".join(requests["error"])
    for what in ("HTML", "empty", "no choices", "overloaded", "closed before an answer", "no event in the stream"):
        assert what in told
    assert "Traceback" not in (wrong.folder / "logs" / "load.log").read_text() + suite.err


def test_faults_on_a_gateway_are_carried_out_and_reverted(suite: Suite) -> None:
    """It is slow, resets callers, is killed and restarted: the run goes on, and callers are served again after each."""
    legs = suite.done["legs"]
    faults, requests = legs.table("faults"), legs.table("requests")

    assert list(faults["kind"]) == ["slow", "reset", "kill", "restart"]
    assert set(faults["leg"]) == {"gateway"}
    assert (faults["reverted_ns"] > faults["applied_ns"]).all()
    assert faults["error"].isna().all()
    assert (faults["fired"] > 0).all()
    assert (legs.folder / "logs" / "chain.log").read_text().count("started with") == 3

    killed = faults[faults["kind"] == "kill"].iloc[0]
    dead = requests["start_ns"].between(killed["applied_ns"], killed["applied_ns"] + 500_000_000)
    assert set(requests[dead]["outcome"]) == {"error"}
    assert "connection refused" in set(requests[dead]["error"])
    for fault in faults.to_dict("records"):
        later = requests[requests["start_ns"] >= fault["reverted_ns"]]
        assert later["complete"].any(), fault
    legs.check("pass")
    found = {finding["id"] for finding in legs.verdict["findings"] if finding["status"] == "fail"}
    assert "failed_unasked" not in found
    assert "hang" not in found
