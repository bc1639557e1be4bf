"""The driver `python` in virtual time: real libraries, and what cannot be moved onto the run's clock."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import pytest

from harness import sim
from harness.errors import HarnessError
from harness.experiment.prepare import Loaded, load
from harness.judge import Status, judge
from harness.judge.run_data import RunData
from harness.sim.real import UnrealError
from tests.sim.worlds import digest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "python-chains"
KINDS = ("embeddings", "tools")
"""Scenarios of kinds of request that the examples do not take."""
SMOKE = [path for path in sorted((ROOT / "scenarios" / "smoke").glob("*.yaml")) if path.stem not in KINDS]
SCENARIO = """\
name: small
title: A small run
chain: chain.yaml
load: {rate: 4/s, arrivals: constant, streaming: 50%, deadline: 5s}
phases: {baseline: 1s, fault: 2s}
faults:
  - {on: primary, during: fault, inject: {status: 503}}
expect: []
"""
CHAIN = """\
name: ours
driver: python
target: our_llm:answer
env: {FIRST: "{first.base_url}/v1", SECOND: "{second.base_url}/v1"}
providers:
  first: {dialect: openai, model: gpt-4o}
  second: {dialect: openai, model: gpt-4o}
order: [first, second]
"""


@pytest.mark.parametrize("scenario", SMOKE, ids=lambda path: path.stem)
@pytest.mark.parametrize("chain", ["openai-sdk-loop", "litellm-fallbacks"])
def test_the_examples_pass_the_smoke_suite(chain: str, scenario: Path) -> None:
    """LiteLLM without a Router, and OpenAI's SDK in a loop."""
    loaded = load(scenario, chain=EXAMPLES / f"{chain}.yaml")
    history = sim.run(loaded.plan, loaded.chain).history
    verdict = judge(RunData.of(loaded.plan, history))
    assert verdict.status is Status.PASS, verdict.reasons
    assert set(history.attempts["seen_by"]) <= {"both", "chain"}
    assert set(history.attempts["provider"]) <= set(loaded.chain.order)


def test_the_same_seed_gives_the_same_history() -> None:
    """Also in a process in which the function was imported before."""
    loaded = load(SMOKE[0], chain=EXAMPLES / "litellm-fallbacks.yaml")
    assert len({digest(sim.run(loaded.plan, loaded.chain).history) for _ in range(2)}) == 1


DRAWS = """\
import random
OWN = random.Random()
SHARED = random.random()

async def answer(messages, *, model):
    return f"{OWN.random()} {random.random()} {random.Random().random()}"
"""


def test_chance_is_fixed_also_at_import(tmp_path: Path) -> None:
    """Whatever had been imported before, and whatever imports draw."""
    loaded = world(tmp_path, DRAWS)
    first = digest(sim.run(loaded.plan, loaded.chain).history)
    world(tmp_path, DRAWS.replace("SHARED = random.random()", "import our_other"))
    (tmp_path / "our_other.py").write_text("import random\nOTHERS = [random.random(), random.Random()]")
    assert digest(sim.run(loaded.plan, loaded.chain).history) == first


def world(folder: Path, code: str) -> Loaded:
    """Write an application, and return a scenario on it."""
    (folder / "our_llm.py").write_text(code)
    (folder / "chain.yaml").write_text(CHAIN)
    (folder / "scenario.yaml").write_text(SCENARIO)
    return load(folder / "scenario.yaml")


LOOP = """\
import os
import {library}

async def answer(messages, *, model):
    for base in (os.environ["FIRST"], os.environ["SECOND"]):
        body = {{"model": model, "messages": messages}}
        async with {client} as client:
            {call}
    raise ConnectionError("all providers failed")
"""
LIBRARIES = {
    "httpx": LOOP.format(
        library="httpx",
        client="httpx.AsyncClient()",
        call=(
            "answer = await client.post(base + '/chat/completions', json=body)\n"
            "            if answer.is_success:\n                return answer.json()"
        ),
    ),
    "aiohttp": LOOP.format(
        library="aiohttp",
        client="aiohttp.ClientSession()",
        call=(
            "async with client.post(base + '/chat/completions', json=body) as answer:\n"
            "                if answer.ok:\n                    return await answer.json()"
        ),
    ),
}


@pytest.mark.parametrize("code", LIBRARIES.values(), ids=LIBRARIES)
def test_any_http_library_is_recorded(code: str, tmp_path: Path) -> None:
    """Each attempt, with the reason for the fallback."""
    loaded = world(tmp_path, code)
    history = sim.run(loaded.plan, loaded.chain).history
    served = Counter(history.requests["served_by"])
    assert served == {"first": 4, "second": 8}
    assert Counter(history.attempts["provider"]) == {"first": 12, "second": 8}
    assert set(history.attempts["seen_by"]) == {"both"}


REFUSED = {
    "not asynchronous": (
        "def answer(messages, *, model):\n    return 'x'",
        "our_llm:answer is not asynchronous: in virtual time it would block every other request",
    ),
    "sleeps": (
        "import time\nasync def answer(messages, *, model):\n    time.sleep(1)",
        "a real sleep was tried in virtual time, by our_llm:3",
    ),
    "calls a name": (
        "import socket\nasync def answer(messages, *, model):\n    socket.getaddrinfo('api.openai.com', 443)",
        "a real name look-up of api.openai.com was tried in virtual time, by our_llm:3",
    ),
    "calls an address": (
        (
            "import socket\nasync def answer(messages, *, model):\n"
            "    with socket.socket() as sock: sock.connect(('192.0.2.1', 443))"
        ),
        "a real connection to 192.0.2.1 was tried in virtual time, by our_llm:3",
    ),
    "runs a loop in a thread": (
        (
            "import asyncio, contextlib, threading\nasync def answer(messages, *, model):\n"
            "    with contextlib.closing(asyncio.sleep(1)) as story: threading.Thread(target=asyncio.run, args=[story]).start()"
        ),
        "an event loop of its own was tried in virtual time, by our_llm:3",
    ),
    "starts a thread that waits": (
        (
            "import threading\nasync def answer(messages, *, model):\n"
            "    threading.Thread(target=threading.Event().wait).start()"
        ),
        "a real wait for a thread was tried in virtual time, by our_llm:3",
    ),
    "leaves a thread behind": (
        (
            "import threading\nSTOP = threading.Event()\n"
            "threading.Thread(target=STOP.wait, args=(60,), name='poller', daemon=True).start()\n"
            "async def answer(messages, *, model):\n    return 'x'"
        ),
        "a real thread was started by an import: poller",
    ),
    "cannot be imported": (
        "raise RuntimeError('no database')",
        "our_llm cannot be imported: RuntimeError: no database, in our_llm.py:1",
    ),
}


@pytest.mark.parametrize(("code", "problem"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_simulated_is_named(code: str, problem: str, tmp_path: Path) -> None:
    """With the way out, where only a live run can do it."""
    loaded = world(tmp_path, code)
    with pytest.raises(HarnessError) as caught:
        sim.run(loaded.plan, loaded.chain)
    assert caught.value.problem == problem
    assert isinstance(caught.value, UnrealError) == ("tried" in problem or "real" in problem)
    assert "imported:" in problem or "--engine live" in str(caught.value.hint)
    for thread in threading.enumerate():
        if thread.name == "poller":
            thread._target.__self__.set()  # type: ignore[attr-defined]
            thread.join()


def test_a_call_out_at_import_is_stopped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """By name, as in a live run; what the module makes of it is its own affair."""
    code = (
        "import httpx\n"
        "try:\n    httpx.get('https://api.openai.com/v1/models')\nexcept httpx.ConnectError as error:\n    WHY = str(error)\n"
        "async def answer(messages, *, model):\n    return WHY"
    )
    loaded = world(tmp_path, code)
    history = sim.run(loaded.plan, loaded.chain).history
    assert set(history.requests["outcome"]) == {"ok"}
    assert "a call to api.openai.com, none of the chain's providers, was stopped" in caplog.text


FAILING = {
    "never returns": (
        "import asyncio\nasync def answer(messages, *, model):\n    await asyncio.Event().wait()",
        "deadline",
    ),
    "exits": ("import sys\nasync def answer(messages, *, model):\n    sys.exit(1)", "error"),
    "raises": ("async def answer(messages, *, model):\n    raise KeyError('x')", "error"),
}


@pytest.mark.parametrize(("code", "outcome"), FAILING.values(), ids=FAILING)
def test_a_function_that_fails_costs_its_callers_an_answer(code: str, outcome: str, tmp_path: Path) -> None:
    """And nothing else: the run comes to its end."""
    loaded = world(tmp_path, code)
    history = sim.run(loaded.plan, loaded.chain).history
    assert set(history.requests["outcome"]) == {outcome}
    assert len(history.requests) == len(loaded.plan.arrivals)
