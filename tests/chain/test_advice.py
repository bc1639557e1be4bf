"""What is probably not meant in a chain, whatever hosts it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from harness.chain import Chain, Provider, Retry
from harness.chain.advice import advice
from harness.chain.driver import driver_of
from harness.chain.policy import FallbackWait, Policy
from harness.scenario.shipped import FOLDER
from tests.plans import chain

S = 10**9
ROOT = Path(__file__).parents[2]


def advised(chain: Chain, *, deadline_s: int = 60) -> dict[str, str]:
    """Return the advice on a chain, by id."""
    schedules = driver_of(chain).schedules(chain)
    found = list(advice(chain, schedules, deadline_ns=deadline_s * S, place=("order",)))
    assert all(each.shown_by is None or (FOLDER / each.shown_by).is_file() for each in found)
    return {each.id: each.text for each in found}


def three(**fields: Any) -> Chain:
    """Return a chain of three vendors with careful settings."""
    usual = {"timeout": 5 * S, "retry": Retry(attempts=2), "policy": Policy(deadline=50 * S)}
    return chain("openai", "azure", "anthropic", **(usual | fields))


def test_careful_settings_need_none() -> None:
    """Neither on the reference chain nor on OpenAI's SDK."""
    assert not advised(three())
    assert not advised(chain("openai", "azure", driver="openai-sdk", timeout=5 * S))


def test_a_chain_without_a_fallback() -> None:
    """And nothing more: what comes too late does not come at all."""
    assert advised(chain("openai")) == {
        "no_fallback": "if openai cannot answer, nothing else is asked: the chain has no fallback"
    }


def test_one_vendor_and_twins() -> None:
    """A second entry for the same model at the same place is no fallback."""
    spec = Provider(dialect="openai", model="gpt-4")
    found = advised(three(providers={"a": spec, "b": spec}, order=("a", "b")))
    assert found == {
        "one_vendor": "a → b: all at openai, and an outage there leaves nothing to fall back to",
        "same_twice": "b is the same as a: what fails at one fails at both",
    }


def test_an_attempt_that_outlasts_its_caller() -> None:
    """Nobody is served while the first provider is silent."""
    assert advised(three(timeout=30 * S), deadline_s=30)["timeout_over_deadline"] == (
        "an attempt may last 30 s, and callers leave after 30 s: while openai is silent, nobody is served; set a shorter timeout"
    )


def test_an_attempt_that_lasts_as_long_as_the_whole_request() -> None:
    """The reference chain ends a request by its own deadline: with its defaults both are 60 s."""
    found = advised(chain("openai", "azure"), deadline_s=120)
    assert found == {"never_asked": "after timeout at openai, azure is never asked"}


def test_tries_that_outlast_their_caller() -> None:
    """Each by itself would not."""
    found = advised(chain("openai", "azure", driver="openai-sdk", timeout=15 * S), deadline_s=30)
    assert found == {
        "silence_over_deadline": "azure is asked after up to 46.5 s of silence (3 tries of up to 15 s at openai), and "
        "callers leave after 30 s"
    }


def test_waits_that_outlast_their_caller() -> None:
    """Although every attempt fails at once."""
    waiting = Policy(base=8 * S, cap=8 * S, fallback_wait=FallbackWait(max=0))
    found = advised(three(retry=Retry(attempts=4, backoff="fixed"), policy=waiting), deadline_s=20)
    assert found["waits_over_deadline"] == (
        "azure is asked 24 s after the request, of waits alone, if every attempt fails (500, 503 and 429), and callers leave "
        "after 20 s"
    )


def test_every_id_is_documented() -> None:
    """Programs rely on them."""
    sources = "".join(path.read_text() for path in (ROOT / "harness").rglob("*.py"))
    written = set(re.findall(r'\bAdvice\(\s*"(\w+)"', sources)) | {
        "cannot_pass",
        "cannot_fail",
        "limit_beyond_deadline",
    }
    page = (ROOT / "docs/reference/advice.md").read_text()
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`(\w+)`", "".join(rows))) == written


@pytest.mark.parametrize("driver", ["python", "endpoint"])
def test_what_only_a_run_can_show(driver: str) -> None:
    """A callable or a gateway waits as its own code says."""
    assert driver_of(chain(driver=driver)).schedules(chain(driver=driver)) == ()
