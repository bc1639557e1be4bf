"""`harness probe`: one request, and what became of it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.cli.command import ROOT, harness
from tests.plans import chain_file

CHAINS = ROOT / "scenarios" / "chains"


def probed(folder: Path, *words: str, chain: str = "reference") -> tuple[int, str, str]:
    """Probe a shipped chain."""
    return harness("probe", str(CHAINS / f"{chain}.yaml"), *words, "--reports", str(folder))


def test_who_is_asked_when_and_who_serves(tmp_path: Path) -> None:
    """The Retry-After is waited for; the run is kept like any other."""
    code, out, err = probed(tmp_path, "--fail", "openai=429,retry_after=2s")
    assert (code, err) == (0, "")
    head, columns, *attempts, last, answer = out.splitlines()
    assert head == "openai → azure → anthropic (reference): openai=429,retry_after=2s"
    assert columns.split() == ["at", "provider", "answer", "took", "wait", "tokens", "cost"]
    assert [line.split()[2:4] for line in attempts] == [["openai", "429"], ["openai", "429"], ["azure", "200"]]
    assert attempts[1].startswith("2 s ")
    assert last.startswith("req-000001: served by azure after 2.")
    assert "(3 attempts, $" in last
    assert answer.startswith("answer: <<req-000001.azure.1>> ")
    assert (tmp_path / "latest" / "plan.json").is_file()


def test_as_data(tmp_path: Path) -> None:
    """Several requests, each by itself: the failure lasts as long as any caller waits."""
    failing = ("--fail", "primary=refused", "--count", "3", "--json")
    code, out, _err = probed(tmp_path, *failing, chain="openai-sdk")
    found = json.loads(out)
    assert (code, found["complete"], found["fired"], len(found["requests"])) == (0, True, True, 3)
    command = json.loads((Path(found["run"]) / "environment.json").read_text())["command"]
    assert command.endswith("openai-sdk.yaml --fail primary=refused --count 3")
    for request in found["requests"].values():
        bars = request["attempts"]
        assert (request["served_by"], request["complete"], request["text_chars"]) == (
            "azure",
            True,
            len(request["text"]),
        )
        assert [bar["provider"] for bar in bars] == ["openai", "openai", "openai", "azure"]
        assert [bar["outcome"] for bar in bars] == ["refused", "refused", "refused", "ok"]
        assert [bar["served"] for bar in bars] == [False, False, False, True]


def test_a_prompt_of_ones_own(tmp_path: Path) -> None:
    """It is sent, its attempts are joined to the request, and it is kept with the run and its command."""
    prompt = "Say 'hi' [[req-000009 00000sim]]"
    code, out, _err = probed(tmp_path, "--fail", "openai=503", "--prompt", prompt, "--stream", "--json")
    found = json.loads(out)
    assert (code, [*found["requests"]]) == (0, ["req-000001"])
    assert [bar["provider"] for bar in found["requests"]["req-000001"]["attempts"]] == ["openai", "openai", "azure"]
    run = Path(found["run"])
    assert json.loads((run / "plan.json").read_text())["load"]["prompt"] == prompt
    assert json.loads((run / "environment.json").read_text())["command"].endswith(f"--prompt {shlex.quote(prompt)}")


@pytest.mark.parametrize(
    ("prompt", "problem"),
    [
        ("", "string should have at least 1 character"),
        ("x" * 20_001, "string should have at most 20000 characters"),
        ("my key is sk-abcdefghijklmnop1234", "holds what is a secret or looks like one"),
        ("my key is 0ther-secret", "holds what is a secret or looks like one"),
    ],
)
def test_a_prompt_that_is_refused(tmp_path: Path, prompt: str, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run keeps its prompt: nothing is started with a secret, and the message does not repeat it."""
    monkeypatch.setenv("OUR_API_KEY", "0ther-secret")
    code, out, err = probed(tmp_path, "--prompt", prompt)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: --prompt: {problem}")
    assert not prompt or prompt not in err
    assert not any(tmp_path.iterdir())


def test_nobody_serves(tmp_path: Path) -> None:
    """All attempts are listed, and the exit code says so."""
    code, out, _err = probed(tmp_path, "--fail", "all=timeout")
    assert code == 1
    assert out.count("timeout") >= 3
    assert "no complete answer after" in out.splitlines()[-1]


def test_a_stream_that_is_cut(tmp_path: Path) -> None:
    """What the caller had is no complete answer."""
    code, out, _err = probed(tmp_path, "--fail", "openai=cut", "--stream")
    assert (code, "200 cut" in out) == (1, True)


def test_a_fault_that_never_fires(tmp_path: Path) -> None:
    """Nobody asked the fallback: nothing was tested."""
    code, out, _err = probed(tmp_path, "--fail", "fallback-1=503")
    assert code == 3
    assert "served by openai" in out
    assert out.splitlines()[-1] == "the fault never fired: azure was never made to fail: fault-1 (503) fired 0 times"


def test_a_fault_of_several_providers(tmp_path: Path) -> None:
    """It fired if it hit one of them: the request never came to the other."""
    names = {"azure-eu": "azure", "claude": "anthropic", "azure-us": "azure"}
    (tmp_path / "chain.yaml").write_text(
        "name: vendors\ndriver: reference\nproviders:\n"
        + "".join(f"  {name}: {{dialect: {dialect}, model: any}}\n" for name, dialect in names.items())
        + f"order: [{', '.join(names)}]\n"
    )
    words = ("probe", str(tmp_path / "chain.yaml"), "--reports", str(tmp_path), "--fail", "vendor:azure=503")
    code, out, _err = harness(*words)
    assert (code, "served by claude" in out, "never fired" in out) == (0, True, False)
    code, out, _err = harness(*words, "--fail", "azure-us=429")
    assert (code, "the fault never fired: azure-us" in out) == (3, True)


def test_a_real_provider_needs_real_time(tmp_path: Path) -> None:
    """Whatever key is set, and whatever is allowed."""
    path = tmp_path / "chain.yaml"
    path.write_text(
        chain_file("openai").replace("gpt-4}", "gpt-4, upstream: https://example.com/v1, api_key: env/NO_KEY}")
    )
    code, out, err = harness("probe", str(path), "--allow-real", "--reports", str(tmp_path / "reports"))
    assert (code, out) == (2, "")
    assert err.startswith("error: upstream: openai is a real provider, and nothing real happens in virtual time")
    assert "--engine live" in err
    assert not (tmp_path / "reports").exists()


def test_nothing_fails(tmp_path: Path) -> None:
    """A plain request needs no option."""
    code, out, _err = probed(tmp_path)
    assert (code, "openai → azure → anthropic (reference): Nothing fails" in out) == (0, True)


@pytest.mark.parametrize(
    ("failing", "problem"),
    [
        ("openai", "not a failure: 'openai'"),
        ("openai=refusd", "no fault is called 'refusd'"),
        ("opnai=503", "unknown provider 'opnai'"),
        ("openai=503,soon", "not an option of a fault: 'soon'"),
        ("openai=99", "--fail openai=99: status: expected at least 200"),
        ("openai=no_done", "hint: --stream asks for a stream"),
    ],
)
def test_a_failure_that_is_written_wrong(tmp_path: Path, failing: str, problem: str) -> None:
    """Named with what is known; nothing is started."""
    code, out, err = probed(tmp_path, "--fail", failing)
    assert (code, out) == (2, "")
    assert err.startswith("error: --fail")
    assert problem in err


@pytest.mark.system
def test_on_real_parts(tmp_path: Path) -> None:
    """The same on sockets, through Toxiproxy."""
    asked = ("--fail", "openai=refused", "--engine", "live", "--prompt", "Say [[marker]]", "--json")
    code, out, _err = probed(tmp_path, *asked)
    assert code == 0
    (request,) = json.loads(out)["requests"].values()
    assert (request["served_by"], request["text"][:23]) == ("azure", "<<req-000001.azure.1>> ")


def test_a_fallback_of_embeddings(tmp_path: Path) -> None:
    """The answer is what the vectors spell, so it names who made them."""
    code, out, err = probed(tmp_path, "--kind", "embeddings", "--fail", "primary=503", chain="embeddings")
    assert (code, err) == (0, "")
    assert "served by azure" in out
    assert "answer: <<req-000001.azure.1>>0 the chain" in out
    assert json.loads((tmp_path / "latest" / "environment.json").read_text())["command"].endswith(
        "embeddings.yaml --fail primary=503 --kind embeddings"
    )


@pytest.mark.parametrize(
    ("chain", "words", "problem", "hint"),
    [
        ("reference", ["--kind", "responses"], "`driver: reference` cannot carry responses", "litellm-router"),
        ("reference", ["--kind", "pictures"], "unknown value 'pictures'", None),
        ("reference", ["--kind", "embeddings"], "anthropic has no embeddings: its dialect is anthropic", None),
        ("embeddings", ["--kind", "embeddings", "--stream"], "there is no stream of embeddings", None),
    ],
)
def test_a_kind_that_cannot_be_asked_for(
    tmp_path: Path, chain: str, words: list[str], problem: str, hint: str | None
) -> None:
    """Said of the option, not of a scenario that nobody has written."""
    code, _out, err = probed(tmp_path, *words, chain=chain)
    first, *rest = err.splitlines()
    assert code == 2
    assert first.startswith(("error: --kind: ", "error: --stream: "))
    assert problem in first
    assert ("hint" in err) == (hint is not None)
    assert hint is None or hint in "".join(rest)
