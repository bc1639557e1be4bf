"""`harness chain`, as people and programs use it."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cli import main
from harness.drivers import host, litellm_asked
from harness.experiment.chain_files import applying
from tests.cli.command import ROOT

Call = Callable[..., tuple[int, str, str]]
CHAIN = """\
name: ours
driver: litellm-router
providers:
  gpt-4o: {dialect: openai, model: gpt-4o}
  backup: {dialect: azure, model: gpt-4o}
order: [gpt-4o, backup]
retry: {attempts: 2}
timeout: 12s
"""
CONFIG = """\
# the gateway's
model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4, api_key: plain-secret-1}   # to be rotated
litellm_settings: {num_retries: 3}
"""
MERGED = """\
# the gateway's
model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_key: plain-secret-1}   # to be rotated
  - model_name: backup
    litellm_params:
      model: azure/gpt-4o
      api_base: os.environ/AZURE_API_BASE
      api_key: os.environ/AZURE_API_KEY
litellm_settings: {num_retries: 1}
router_settings:
  fallbacks:
    - gpt-4o: [backup]
  timeout: 12
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a chain file and a gateway's configuration. No proxy is started, and LiteLLM is not asked."""

    async def well(_tried: object, _raw: bytes) -> None:
        """Be healthy."""

    (tmp_path / "chain.yaml").write_text(CHAIN)
    (tmp_path / "config.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(applying, "trial", well)
    monkeypatch.setattr(litellm_asked, "_answer", lambda *_asked, **_how: None)
    return tmp_path


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a function that runs the command here, and returns exit code, standard output and standard error."""

    def run(*arguments: str, typed: str | None = None) -> tuple[int, str, str]:
        terminal = io.StringIO(typed or "")
        monkeypatch.setattr(terminal, "isatty", lambda: typed is not None, raising=False)
        monkeypatch.setattr(sys, "stdin", terminal)
        monkeypatch.setattr(sys, "argv", ["harness", "chain", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err

    return run


def test_a_chain_from_its_beginning_into_production(call: Call, folder: Path) -> None:
    """Begun, exported, shown, applied and taken back; keys are in none of it."""
    code, out, _err = call("new", "mine.yaml", "--provider", "openai/gpt-4o", "--provider", "anthropic/claude-sonnet-4")
    assert (code, "written: mine.yaml" in out) == (0, True)
    code, out, _err = call("export", "mine.yaml")
    assert (code, "model: anthropic/claude-sonnet-4" in out) == (0, True)

    code, shown, err = call("apply", "chain.yaml", "--to", "config.yaml", "--dry-run")
    assert code == 0
    assert "-    litellm_params: {model: openai/gpt-4, api_key: (hidden)}   # to be rotated\n" in shown
    assert "+litellm_settings: {num_retries: 1}\n" in shown
    assert (folder / "config.yaml").read_text() == CONFIG
    assert sorted(each.name for each in folder.iterdir()) == ["chain.yaml", "config.yaml", "mine.yaml"]

    code, out, err = call("apply", "chain.yaml", "--to", "config.yaml", "--yes", "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["applied"], found["file"]) == (True, str(folder / "config.yaml"))
    assert Path(found["backup"]).read_text() == CONFIG
    assert [each["field"] for each in found["changed"]][:2] == ["model_list[0].litellm_params.model", "model_list[1]"]
    assert "".join(f"{line}\n" for line in found["diff"]) == shown
    assert (folder / "config.yaml").read_text() == MERGED
    assert "plain-secret" not in shown + out + err

    code, out, err = call("apply", "chain.yaml", "--to", "config.yaml", "--yes")
    assert (code, out) == (0, f"{folder}/config.yaml holds this already\n")
    code, out, err = call("apply", "--undo", "--to", "config.yaml", "--yes")
    assert (code, "plain-secret" in out + err) == (0, False)
    assert (folder / "config.yaml").read_text() == CONFIG


def test_export_into_a_file(call: Call, folder: Path) -> None:
    """What the chain does not name stays; a second time nothing changes; the mode stays too."""
    (folder / "config.yaml").chmod(0o640)
    assert call("export", "chain.yaml", "--to", "config.yaml")[:2] == (0, "written: config.yaml\n")
    assert (folder / "config.yaml").read_text() == MERGED
    assert call("export", "chain.yaml", "--to", "config.yaml")[:2] == (0, "unchanged: config.yaml\n")
    assert (folder / "config.yaml").stat().st_mode & 0o777 == 0o640
    code, out, _err = call("export", str(ROOT / "scenarios/chains/reference.yaml"), "--json")
    assert code == 2
    assert json.loads(out)["error"]["problem"] == "`driver: reference` is not LiteLLM"


@pytest.mark.parametrize(("typed", "code"), [("n\n", 1), ("y\n", 0)])
def test_you_are_asked(typed: str, code: int, call: Call, folder: Path) -> None:
    """After the difference was shown."""
    found, out, err = call("apply", "chain.yaml", "--to", "config.yaml", typed=typed)
    assert (found, out.startswith("--- ")) == (code, True)
    assert f"apply this to {folder}/config.yaml?" in err
    assert (folder / "config.yaml").read_text() == (CONFIG if code else MERGED)


def test_nobody_can_be_asked(call: Call, folder: Path) -> None:
    """Without a terminal it takes --yes."""
    code, _out, err = call("apply", "chain.yaml", "--to", "config.yaml")
    assert code == 2
    assert "nobody can be asked here: nothing was changed\n  hint: --yes applies it, --dry-run only shows it" in err
    assert (folder / "config.yaml").read_text() == CONFIG


def test_the_proxy_is_not_installed(call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The difference can be seen; to apply it takes the extra, which is named before anything is asked."""
    monkeypatch.setattr(host, "find_spec", lambda _name: None)
    assert call("apply", "chain.yaml", "--to", "config.yaml", "--dry-run")[0] == 0
    code, _out, err = call("apply", "chain.yaml", "--to", "config.yaml", typed="y\n")
    assert code == 2
    assert "pip install 'llm-fallback-harness[proxy]'" in err
    assert "apply this to" not in err
    assert (folder / "config.yaml").read_text() == CONFIG


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("apply", "--to", "config.yaml"), "name the file to apply, or --undo"),
        (("apply", "chain.yaml", "--undo", "--to", "config.yaml"), "--undo takes no file"),
        (("apply", "--undo", "--to", "config.yaml", "--model", "x"), "--undo tries nothing"),
        (("apply", "--undo", "--to", "config.yaml"), "nothing was applied to it"),
        (("apply", "none.yaml", "--to", "config.yaml"), "there is no such file"),
        (("apply", "torn.yaml", "--to", "config.yaml"), "torn.yaml:3: not valid YAML"),
        (("apply", "chain.yaml", "--to", "torn.yaml"), "torn.yaml:3: not valid YAML"),
        (
            ("apply", "wrong.yaml", "--to", "config.yaml"),
            "config.yaml:4: router_settings.num_retries: expected a whole",
        ),
        (("apply", "hosted.yaml", "--to", "config.yaml"), "names a configuration, and is none itself"),
        (("apply", "chain.yaml", "--to", "config.yaml", "--reload", "'"), "--reload: not a command"),
        (("apply", "chain.yaml", "--to", "compose.yaml"), "compose.yaml:1: is not a configuration of LiteLLM's"),
        (("apply", "config.yaml", "--to", "torn.yaml"), "hint: if it is to be replaced, move it away"),
        (("apply", "config.yaml", "--to", "compose.yaml"), "compose.yaml:1: is not a configuration of LiteLLM's"),
        (("apply", "scenario.yaml", "--to", "config.yaml"), "is a scenario, and no chain"),
        (("export", "config.yaml"), "is a configuration of LiteLLM's already"),
    ],
)
def test_what_cannot_be_applied(words: tuple[str, ...], reason: str, call: Call, folder: Path) -> None:
    """Exit 2, with the file and the reason, and nothing is changed."""
    (folder / "torn.yaml").write_text("model_list:\n  - model_name: a\n    litellm_params: {model: ope")
    (folder / "wrong.yaml").write_text(
        "model_list: [{model_name: a, litellm_params: {model: openai/a}}]\n\nrouter_settings:\n  num_retries: x\n"
    )
    (folder / "hosted.yaml").write_text("name: h\ndriver: litellm-proxy\nconfig: config.yaml\n")
    (folder / "compose.yaml").write_text("services: {litellm: {image: x}}\n")
    (folder / "scenario.yaml").write_text("name: s\nchain: chain.yaml\nload: {rate: 1/s}\n")
    code, _out, err = call(*words)
    assert (code, reason in err) == (2, True), err
    assert (folder / "config.yaml").read_text() == CONFIG


def test_the_address_of_the_gateways_health_is_in_the_help(call: Call) -> None:
    """As it is used."""
    from harness.experiment.chain_files.reload import HEALTH  # noqa: PLC0415

    assert HEALTH in "".join(call("apply", "--help")[1].split())
