"""Failures as a command line names them: one grammar for `probe --fail` and `serve --fail`."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import chain as chains
from harness.chain import Chain
from harness.errors import SeveralErrors, UsageError
from harness.experiment.failing import failures
from harness.quantities import S
from tests.plans import chain_file


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    """Return a chain of two providers."""
    path = tmp_path / "chain.yaml"
    path.write_text(chain_file("openai", "azure"))
    return chains.load(path)


@pytest.mark.parametrize(
    ("text", "kind", "options"),
    [
        ("openai=429", "status", {"status": 429}),
        ("openai=rate_limit", "status", {"status": 429}),
        ("openai=server_error", "status", {"status": 500}),
        ("openai=timeout", "silent", {}),
        ("openai=connection", "refused", {}),
        ("openai=reset", "reset", {}),
        ("openai=cut", "stream_cut", {}),
        ("openai=no_done", "stream_no_done", {}),
        (" openai = 429 , retry_after = 2s ", "status", {"status": 429, "retry_after": 2 * S}),
        ("openai=stall,after_tokens=3,pause=1s", "stream_stall", {"after_tokens": 3, "pause": 1 * S}),
        ("openai=slow,delay=2s", "delay", {"delay": 2 * S}),
    ],
)
def test_what_a_failure_means(chain: Chain, text: str, kind: str, options: dict[str, object]) -> None:
    """A status, a word of `retry.on`, or the name of a fault, with its keys; it lasts for ever."""
    (window,) = failures([text], chain)
    assert (window.provider, window.inject.kind, window.start_ns) == ("openai", kind, 0)
    assert {name: getattr(window.inject, name) for name in options} == options
    assert window.end_ns > 10**9 * S / 1000


def test_a_role_fails_at_all_of_its_providers(chain: Chain) -> None:
    """As `on: all` does in a scenario; further failures have numbers of their own."""
    windows = failures(["all=503", "fallback-1=429"], chain)
    assert [(window.fault_id, window.provider) for window in windows] == [
        ("fault-1", "openai"),
        ("fault-1", "azure"),
        ("fault-2", "azure"),
    ]


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ("", "--fail", "not a failure: ''"),
        ("openai", "--fail", "not a failure: 'openai'"),
        ("=429", "--fail", "not a failure: '=429'"),
        ("openai=", "--fail", "not a failure: 'openai='"),
        ("openai=429,", "--fail", "not an option of a fault: ''"),
        ("openai=429,soon", "--fail", "not an option of a fault: 'soon'"),
        ("openai=429,retry_after=", "--fail", "not an option of a fault: 'retry_after='"),
        ("openai=429,=2s", "--fail", "not an option of a fault: '=2s'"),
        ("openai=429,retry_after=1s,retry_after=2s", "--fail", "'retry_after' twice"),
        ("openai=429,status=500", "--fail", "'status' twice"),
        ("openai=refusd", "--fail", "no fault is called 'refusd'"),
        ("openai=٤٢٩", "--fail", "no fault is called '٤٢٩'"),
        ("opnai=503", "--fail opnai=503", "unknown provider 'opnai'"),
        ("openai=99", "--fail openai=99", "status: expected at least 200"),
        ("openai=429,retry_after=soon", "--fail openai=429,retry_after=soon", "retry_after: expected a duration"),
        ("openai=429,share=5%", "--fail openai=429,share=5%", "share: unknown key 'share'"),
        ("openai=slow", "--fail openai=slow", "'connection: slow' needs 'delay'"),
        ("openai=throttle,bytes_per_second=1000", "--fail", "'throttle' needs Toxiproxy"),
        ("openai=unreachable", "--fail", "'unreachable' needs Toxiproxy"),
    ],
)
def test_a_failure_that_is_written_wrong(chain: Chain, text: str, where: str, problem: str) -> None:
    """It is quoted as it was typed: there is no file with a line."""
    with pytest.raises(UsageError) as caught:
        failures([text], chain)
    assert caught.value.where == where
    assert problem in caught.value.problem
    assert "faults" not in str(caught.value)


def test_all_mistakes_at_once(chain: Chain) -> None:
    """Each names its own failure."""
    with pytest.raises(SeveralErrors) as caught:
        failures(["openai=99", "opnai=503"], chain)
    assert [each.where for each in caught.value.errors] == ["--fail openai=99", "--fail opnai=503"]
