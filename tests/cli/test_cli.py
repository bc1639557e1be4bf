"""The command line, as people and programs use it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer

from harness import __version__
from harness.cli import app, main
from tests.cli.command import ROOT, harness
from tests.plans import chain_file
from tests.polling import until

REFERENCE = "scenarios/chains/reference.yaml"


def commands(of: typer.Typer, *above: str) -> list[str]:
    """Return every command of an application, those of its groups too, as it is called."""
    names = [command.name or command.callback.__name__ for command in of.registered_commands if command.callback]
    groups = [(group.typer_instance, group.typer_instance.info.name) for group in of.registered_groups]
    below = [found for inside, name in groups if inside for found in commands(inside, *above, str(name))]
    return sorted([*(" ".join([*above, name]) for name in names), *below])


COMMANDS = commands(app)


def called(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command in this process, in the checkout; return its exit code."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["harness", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def answer(*arguments: str) -> tuple[int, Any]:
    """Run the command with --json; return exit code and the object, which must be all that is on standard output."""
    code, out, _ = harness(*arguments, "--json")
    return code, json.loads(out)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example(command: str) -> None:
    """`--help` describes it and shows one call of it."""
    code, out, _ = harness(*command.split(), "--help")
    assert code == 0
    assert f"Example: harness {command}" in " ".join(out.split())


def test_the_help_lists_every_command_under_what_people_come_for() -> None:
    """Once each; a command that no group names would be hidden."""
    _, out, _ = harness("--help")
    listed = [line.split()[0] for line in out.partition("Try:")[2].splitlines() if line.startswith("  ")]
    assert sorted(set(listed) & {command.split()[0] for command in COMMANDS}) == sorted(
        {command.split()[0] for command in COMMANDS}
    )
    assert [head for head in ("Try:", "Chain:", "Look:", "Host:") if head not in out] == []


@pytest.mark.parametrize(
    ("words", "command"), [(("runn",), "harness"), (("run", "a.yaml", "--engine", "simm"), "harness run")]
)
def test_a_wrong_word_is_answered_with_where_the_right_ones_are(
    words: tuple[str, ...], command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The hint names the help of the command that was given, if there is such a command."""
    assert called(monkeypatch, *words) == 2
    assert f"hint: {command} --help lists what it takes" in capsys.readouterr().err


def test_the_version() -> None:
    """`--version` prints it."""
    assert harness("--version") == (0, f"harness {__version__}\n", "")


def test_check_prints_what_is_right() -> None:
    """Scenarios and chains alike, without running anything."""
    files = ["scenarios/primary-429.yaml", "scenarios/chains/gpt4-azure-claude.yaml"]
    code, out, _err = harness("check", *files)
    assert code == 0
    scenario, chain, *_schedules = out.splitlines()
    assert scenario == (
        "ok: scenarios/primary-429.yaml: scenario primary-429: 653 requests in 63 s, 1 fault window, 5 expectations, "
        "chain gpt4-azure-claude"
    )
    version = importlib.metadata.version("litellm")
    assert chain.endswith(f"chain gpt4-azure-claude: openai → azure → anthropic (litellm-router, LiteLLM {version})")


def test_check_shows_what_a_chain_does_when_its_providers_fail() -> None:
    """Each wait with its band; what comes too late is a warning, which --strict makes a failure."""
    path = "scenarios/chains/openai-sdk.yaml"
    code, out, err = harness("check", path)
    assert code == 0
    assert out.splitlines()[1:] == [
        "    if every try fails with 500, 503, 429 or timeout:",
        "        openai: 3 tries with waits of 0.375–0.5 s and 0.75–1 s",
        (
            "        azure: at once, 1.12–1.5 s after the request (91.5 s if each try times out); "
            "3 tries with waits of 0.375–0.5 s and 0.75–1 s"
        ),
        "        the error: at once, 2.25–3 s after the request (3 min 3 s if each try times out)",
        (
            "    if every try fails with 401, 400 or content_filter: "
            "openai and azure are tried once each, without a wait, then the caller gets the error"
        ),
    ]
    text = (
        "azure is asked after up to 91.5 s of silence (3 tries of up to 30 s at openai), and callers leave after 60 s"
    )
    assert err == f"warning: {path}:7: order: {text} (shown by catalogue/silent-provider.yaml)\n"
    assert harness("check", "--strict", path)[0] == 1
    code, found = answer("check", path)
    (advice,) = found["files"][0]["advice"]
    assert (code, advice["id"], advice["text"]) == (0, "silence_over_deadline", text)
    assert found["files"][0]["schedules"][0]["hops"][1]["after_s"] == [1.125, 1.5]
    assert harness("check", "--strict", "scenarios/chains/reference.yaml")[0] == 0


def test_check_prints_what_is_not_carried_over(tmp_path: Path) -> None:
    """What a chain's host will leave out is a warning beforehand, and no mistake."""
    config = tmp_path / "litellm.yaml"
    config.write_text(
        "model_list: [{model_name: a, litellm_params: {model: gpt-4, api_key: sk-mine-0123456789}}]\n"
        "litellm_settings: {callbacks: [langfuse]}\n"
    )
    chain = tmp_path / "chain.yaml"
    chain.write_text("name: c\ndriver: litellm-proxy\nconfig: litellm.yaml\n")
    code, out, err = harness("check", str(chain))
    assert code == 0
    assert out.startswith(f"ok: {chain}: chain c: a (litellm-proxy, LiteLLM ")
    assert f"note: {config}: litellm_settings: not applied: callbacks\n" in err
    kinds = [line.split(":")[0] for line in err.splitlines()]
    assert kinds == sorted(kinds, reverse=True)  # warnings, then notes
    assert set(kinds) == {"warning", "note"}
    assert "sk-mine" not in out + err


def test_strict_counts_advice_on_a_scenario_too(tmp_path: Path) -> None:
    """It has an id, a place and a text, as on a chain."""
    scenario = tmp_path / "scenario.yaml"
    chain = ROOT / "scenarios/chains/reference.yaml"
    scenario.write_text(
        f"name: s\nchain: {chain}\nload: {{rate: 10/s}}\nphases: {{a: 10s}}\nfaults: []\nexpect: [failed_requests >= 0]\n"
    )
    assert harness("check", str(scenario))[0] == 0
    assert harness("check", "--strict", str(scenario))[0] == 1
    (advice,) = answer("check", str(scenario))[1]["files"][0]["advice"]
    assert (advice["id"], advice["where"]) == ("cannot_fail", f"{scenario}:6: expect[0]")


def test_check_prints_what_is_wrong(tmp_path: Path) -> None:
    """Each file by itself, with line and hint; exit 2 if any is wrong."""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("name: x\nload: {rate: 1/s}\nphases: {a: 5}\nfaults: []\n")
    code, found = answer("check", "scenarios/primary-429.yaml", str(wrong), str(tmp_path / "none.yaml"))
    assert (code, [file["ok"] for file in found["files"]]) == (2, [True, False, False])
    assert found["files"][1]["errors"][0]["hint"] == "write 5s for seconds"
    assert found["files"][1]["file"] == str(wrong)


@pytest.mark.parametrize(
    ("text", "error", "hint"),
    [
        ("", "1: the file is empty", "a LiteLLM configuration with `model_list`"),
        ("model_lst: []\n", "1: model_lst: unknown key 'model_lst'", "did you mean 'model_list'?"),
        ("name: c\nprovders: {}\n", "2: provders: unknown key 'provders'", "did you mean 'providers'?"),
        ("services: {}\n", "1: this is no scenario, no chain file and no LiteLLM configuration", "a chain file begins"),
        ("- a\n", "1: expected keys at the top, found a list", "a chain file begins with"),
    ],
)
def test_check_names_what_a_file_could_be(
    text: str,
    error: str,
    hint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In one error, not by the fields that a scenario has."""
    path = tmp_path / "what.yaml"
    path.write_text(text)
    assert called(monkeypatch, "check", str(path)) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {path}:{error}")
    assert hint in err
    assert err.count("error: ") == 1


def test_check_takes_folders_and_names_of_ours(tmp_path: Path) -> None:
    """All scenarios and chains in a folder, and nothing else that is YAML."""
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    (tmp_path / "chain.yaml").write_text((ROOT / "scenarios/chains/reference.yaml").read_text())
    (tmp_path / "torn.yaml").write_text("name: [")
    (tmp_path / "empty").mkdir()
    code, out, err = harness("check", str(tmp_path), str(tmp_path / "empty"), "smoke/refused.yaml")
    assert (code, out.count("ok: "), f"ok: {tmp_path}/chain.yaml" in out, "ok: smoke/refused.yaml" in out) == (
        2,
        2,
        True,
        True,
    )
    assert f"error: {tmp_path}/torn.yaml:1: not valid YAML" in err
    assert f"error: {tmp_path}/empty: no scenario and no chain in this folder" in err
    assert "compose" not in out + err


def test_check_shows_each_model_of_a_configuration(tmp_path: Path) -> None:
    """Those that behave alike but for their names once. What only a fallback is used for has no section of its own."""
    models = {"gpt-4": "openai/gpt-4", "backup": "azure/gpt-4", "grok": "xai/grok-3", "small": "openai/gpt-4o-mini"}
    listed = [{"model_name": name, "litellm_params": {"model": model}} for name, model in models.items()]
    settings = {"fallbacks": [{"gpt-4": ["backup"]}], "enable_cooldowns": True}
    config = tmp_path / "litellm.yaml"
    config.write_text(f"model_list: {json.dumps(listed)}\nrouter_settings:\n")
    config.write_text(
        config.read_text() + "".join(f"  {key}: {json.dumps(value)}\n" for key, value in settings.items())
    )
    code, out, err = harness("check", str(config))
    headings = [line for line in out.splitlines() if line.startswith("    ") and not line.startswith("     ")]
    assert headings == ["    gpt-4: gpt-4 → backup", "    grok; likewise small"]
    assert (code, "chain litellm: 3 models that callers can ask for (litellm-router, " in out) == (0, True)
    assert f"warning: {config}:4: router_settings.enable_cooldowns: unknown to LiteLLM\n" in err
    assert (
        f"warning: {config}:1: model_list[2]: if grok cannot answer, nothing else is asked: the chain has no fallback; "
        "likewise for small (shown by catalogue/unavailable.yaml)\n"
    ) in err
    assert "left out" not in err
    found = answer("check", str(config))[1]["files"][0]["schedules"]
    assert list(dict.fromkeys(each["model"] for each in found)) == ["gpt-4", "grok", "small"]
    assert harness("check", str(config), "--model", "small")[1].count("if every try fails") == 2


def test_check_shows_what_a_given_chain_does_once(tmp_path: Path) -> None:
    """For a scenario too, if the chain is named beside it."""
    chain = "scenarios/chains/openai-sdk.yaml"
    _code, out, _err = harness("check", "smoke/refused.yaml", "smoke/unavailable.yaml", "--chain", chain)
    assert out.count("if every try fails with 500, 503, 429 or timeout:") == 1
    assert "if every try fails" not in harness("check", "scenarios/primary-429.yaml")[1]


def test_check_warns_once_of_what_many_scenarios_share(tmp_path: Path) -> None:
    """In the file that it is about, with the figure."""
    keys = [
        {"model_name": "m", "litellm_params": {"model": "gpt-4", "api_key": f"os.environ/KEY_{i}"}} for i in range(29)
    ]
    (tmp_path / "litellm.yaml").write_text(json.dumps({"model_list": keys}))
    (tmp_path / "chain.yaml").write_text("name: c\ndriver: litellm-proxy\nconfig: litellm.yaml\n")
    code, out, err = harness("check", "smoke", "--chain", str(tmp_path / "chain.yaml"))
    assert (code, out.count("ok: ") > 3, err.count("error: ")) == (0, True, 0)
    assert out.count("ok: smoke/embeddings.yaml: left out on this chain: ") == 1  # its models embed no texts
    warning = f"note: {tmp_path}/litellm.yaml: 29 keys not set; mocks need none (KEY_0, KEY_1, KEY_2, and 26 more)\n"
    assert err.count(warning) == 1
    assert err.count("all at openai, and an outage there leaves nothing to fall back to") == 1


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("suite", "smok"), "did you mean 'smoke'?"),
        (("run", "smoke/refusd.yaml"), "did you mean 'smoke/refused.yaml'?"),
        (("run", "refused"), "did you mean 'smoke/refused.yaml'?"),
        (("run", "smoke"), "run all of its scenarios: harness suite smoke"),
        (("check", "scenarois"), "did you mean 'scenarios'?"),
        (("run", "scenarios/primary-492.yaml"), "did you mean 'scenarios/primary-429.yaml' or "),
        (("run", "smoke/refused.yaml", "--chain", "scenarios/chains/referenc.yaml"), "did you mean 'reference.yaml'?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_name_that_is_almost_right_is_suggested(
    arguments: tuple[str, ...], hint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files, folders and shipped scenarios."""
    assert called(monkeypatch, *arguments) == 2
    assert hint in capsys.readouterr().err


NINES = "9" * 400


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("run", "smoke/refused.yaml", "--seed", NINES), "--seed"),
        (("run", "smoke/refused.yaml", "--seed", str(2**53 + 1)), "--seed"),
        (("suite", "smoke", "--seed", NINES), "--seed"),
        (("suite", "smoke", "--repeat", NINES), "--repeat"),
        (("suite", "smoke", "--jobs", NINES), "--jobs"),
        (("suite", "smoke/refused.yaml", "--seed", str(2**53), "--repeat", "2"), "seed"),
        (("explore", "scenarios/chains/reference.yaml", "--budget", f"{NINES}s"), "--budget"),
        (("explore", "scenarios/chains/reference.yaml", "--deadline", f"{NINES}h"), "--deadline"),
        (("explore", "scenarios/chains/reference.yaml", "--seed", NINES), "--seed"),
        (("explore", "scenarios/chains/reference.yaml", "--faults", NINES), "--faults"),
        (("serve", "scenarios/chains/reference.yaml", "--port", NINES), "--port"),
        (("run", os.fsdecode(b"a\xff.yaml")), "argument 2"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_no_option_overflows(
    arguments: tuple[str, ...], option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers of any size and bytes that are no text end in exit 2, in a line that names the option."""
    assert called(monkeypatch, *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert option in err.splitlines()[0]
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("run",),
        ("run", "no-such.yaml"),
        ("run", "scenarios/primary-429.yaml", "--sed", "1"),
        ("run", "scenarios/primary-429.yaml", "--seed", "-1"),
        ("run", "scenarios/primary-429.yaml", "--chain", "no-such.yaml"),
        ("report", "tests"),
        ("serve", "scenarios/chains/gpt4-azure-claude.yaml", "--provider", "opnai"),
        ("suite",),
        ("suite", "no-such.yaml"),
        ("suite", "tests/cli"),
        ("suite", "scenarios", "--chain", "no-such.yaml"),
        ("suite", "scenarios", "--repeat", "0"),
        ("suite", "scenarios", "--resume", "tests"),
        ("no-such-command",),
    ],
    ids=" ".join,
)
def test_bad_usage_is_exit_2(arguments: tuple[str, ...]) -> None:
    """The user's mistake: one JSON object on stdout, one `error:` on stderr, never a traceback."""
    code, out, err = harness(*arguments, "--json")
    assert code == 2
    assert set(json.loads(out)["error"]) == {"problem", "where", "hint"}
    assert err.startswith("error: ")
    assert "Traceback" not in err


def test_suite_prints_all_problems_at_once(tmp_path: Path) -> None:
    """Each with its line, before anything starts, and no folder is made."""
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\nload: {{rate: 1/s}}\nphases: {{a: 5}}\nfaults: []\n")
    code, out, err = harness("suite", str(tmp_path), "--json", "--reports", str(tmp_path / "reports"))
    assert code == 2
    assert "one.yaml:3" in json.loads(out)["error"]["problem"]
    told = [error["where"] for error in json.loads(out)["errors"]]
    assert told == [
        f"{tmp_path}/{name}.yaml:{place}" for name in ("one", "two") for place in ("3: phases.a", "1: chain")
    ]
    assert err.count("error: ") == 4
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize("place", ["no-such/scorecard.xml", "."])
def test_a_place_that_takes_no_junit_is_reported_before_the_suite(place: str, tmp_path: Path) -> None:
    """Not after all of its runs."""
    code, told = answer("suite", "scenarios", "--junit", str(tmp_path / place), "--reports", str(tmp_path / "reports"))
    assert code == 2
    assert told["error"]["where"] == str(tmp_path / place)
    assert not (tmp_path / "reports").exists()


@pytest.mark.system
def test_serve_is_a_plain_llm_mock() -> None:
    """The mocked providers alone, without any run: they answer, and Ctrl-C ends them."""
    serving = subprocess.Popen(
        [sys.executable, "-m", "harness", "serve", "scenarios/chains/gpt4-azure-claude.yaml", "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with serving:
        assert serving.stdout is not None
        addresses = json.loads(serving.stdout.readline())["providers"]
        assert list(addresses) == ["openai", "azure", "anthropic"]
        body = {"model": "gpt-4", "messages": [{"role": "user", "content": "hello"}]}
        url = f"{addresses['openai']}/chat/completions"
        with httpx.Client(trust_env=False) as client:
            assert client.post(url, json=body).json()["choices"][0]["message"]["role"] == "assistant"
        serving.send_signal(signal.SIGINT)
        assert serving.wait(timeout=10) == 0


@pytest.mark.parametrize("words", [("--version",), ("check", REFERENCE), ("check", REFERENCE, "--json"), ("--help",)])
def test_output_that_cannot_be_written(words: tuple[str, ...]) -> None:
    """A full disk is named, and is no bug; a reader that left gets no message. Neither is a failure of a chain."""
    command = [sys.executable, "-m", "harness", *words]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (4, "error: standard output: No space left on device\n")
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as left:
        done = subprocess.run(command, cwd=ROOT, stdout=left, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (4, "")
    closed = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *command], cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False
    )
    assert (closed.returncode, closed.stderr) == (0, "")


def test_an_interrupt_is_named(tmp_path: Path) -> None:
    """Also on standard output, for whoever asked for JSON; a run in virtual time leaves no folder."""
    chain = shutil.copy(ROOT / REFERENCE, tmp_path)
    command = [sys.executable, "-m", "harness", "probe", str(chain), "--count", "1000", "--json"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, env=environ, **pipes) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        until(children.read_text)  # a fork of it carries the plan out
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "error: interrupted\n")
    assert json.loads(out) == {"error": {"problem": "interrupted", "where": None, "hint": None}}
    assert not (tmp_path / "reports").exists()


def test_typer_knows_every_command() -> None:
    """The list that the tests above go through is the real one."""
    assert isinstance(app, typer.Typer)
    single = {
        "check",
        "compare",
        "doctor",
        "explore",
        "export",
        "probe",
        "replay",
        "report",
        "run",
        "runs",
        "serve",
        "show",
        "suite",
        "tune",
        "worker",
    }
    assert set(COMMANDS) == single | {"chain apply", "chain export", "chain new"}


def test_a_disabled_provider_is_noted(tmp_path: Path) -> None:
    """With the line that disables it."""
    path = tmp_path / "chain.yaml"
    path.write_text(chain_file("openai", "azure").replace("azure: {", "azure: {enabled: false, "), "utf-8")
    code, out, err = harness("check", str(path))
    assert code == 0
    assert "openai (reference)" in out
    assert f"note: {path}:5: providers.azure.enabled: left out\n" in err
