"""`harness serve`: a mock that the vendors' own SDKs find by the line that it prints, and that fails as it is asked to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anthropic
import groq
import openai
import pytest
from google import genai

from tests.system.conftest import ROOT

pytestmark = pytest.mark.system

CHAIN = """\
name: all-sdks
driver: reference
providers:
  openai:    {dialect: openai, model: gpt-4}
  azure:     {dialect: azure, model: gpt-4}
  anthropic: {dialect: anthropic, model: claude-3-5-sonnet-20241022}
  gemini:    {dialect: gemini, model: gemini-2.0-flash}
  groq:      {dialect: openai-compatible, vendor: groq, model: llama-3.1-8b-instant}
  deepseek:  {dialect: deepseek, model: deepseek-chat}
order: [openai, azure, anthropic, gemini, groq, deepseek]
"""
HELLO: Any = [{"role": "user", "content": "hello"}]


@contextmanager
def serving(folder: Path, *words: str) -> Iterator[dict[str, Any]]:
    """Serve the chain until the block ends, then by Ctrl-C; give what was printed."""
    (folder / "chain.yaml").write_text(CHAIN)
    command = [sys.executable, "-m", "harness", "serve", str(folder / "chain.yaml"), "--json", *words]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what the SDKs want beside an address."""
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GROQ_API_KEY"):
        monkeypatch.setenv(name, "mocked")
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")


@pytest.mark.usefixtures("keys")
def test_each_sdk_finds_its_provider_by_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables are enough; an SDK that reads none is given the argument."""
    with serving(tmp_path) as printed:
        lines = printed["sdk"]
        for line in lines.values():
            name, sign, value = line.partition("=")
            if name.isupper() and sign:
                monkeypatch.setenv(name, value)
        assert lines["deepseek"] == f'OpenAI(base_url="{printed["providers"]["deepseek"]}")'
        own = openai.OpenAI(base_url=printed["providers"]["deepseek"])
        for client, model in ((openai.OpenAI(), "gpt-4"), (openai.AzureOpenAI(), "gpt-4"), (own, "deepseek-chat")):
            with client:
                assert client.chat.completions.create(model=model, messages=HELLO).choices[0].message.content
        with anthropic.Anthropic() as claude:
            message = claude.messages.create(model="claude-3-5-sonnet-20241022", max_tokens=20, messages=HELLO)
            assert message.content[0].type == "text"
        with groq.Groq() as fast:
            answer = fast.chat.completions.create(model="llama-3.1-8b-instant", messages=HELLO)
            assert answer.choices[0].message.content
        with genai.Client() as google:
            assert google.models.generate_content(model="gemini-2.0-flash", contents="hello").text


@pytest.mark.usefixtures("keys")
def test_it_fails_as_it_is_asked_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each SDK raises what it raises for the real provider, whose other providers stay well."""
    failing = ("--fail", "openai=429,retry_after=2s", "--fail", "anthropic=refused", "--fail", "azure=slow,delay=300ms")
    with serving(tmp_path, *failing) as printed:
        for name in ("openai", "azure", "anthropic"):
            monkeypatch.setenv(*printed["sdk"][name].split("=", 1))
        with openai.OpenAI(max_retries=0) as client, pytest.raises(openai.RateLimitError) as limited:
            client.chat.completions.create(model="gpt-4", messages=HELLO)
        assert limited.value.response.headers["retry-after"] == "2"
        with anthropic.Anthropic(max_retries=0) as claude, pytest.raises(anthropic.APIConnectionError):
            claude.messages.create(model="claude-3-5-sonnet-20241022", max_tokens=20, messages=HELLO)
        with openai.AzureOpenAI() as azure:
            began_s = time.monotonic()
            assert azure.chat.completions.create(model="gpt-4", messages=HELLO).choices
            assert time.monotonic() - began_s >= 0.3


def test_what_is_printed_for_people(tmp_path: Path) -> None:
    """A line for each provider on standard output; what fails on standard error."""
    (tmp_path / "chain.yaml").write_text(CHAIN)
    command = [sys.executable, "-m", "harness", "serve", str(tmp_path / "chain.yaml"), "--provider", "openai"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([*command, "--fail", "primary=429"], cwd=ROOT, env=environ, **pipes) as process:
        try:
            name, address, line = process.stdout.readline().rstrip("\n").split("\t")
            assert (name, line) == ("openai", f"OPENAI_BASE_URL={address}")
            assert process.stderr.readline() == "openai: 429\n"
        finally:
            process.terminate()
        assert process.wait(timeout=30) == 0
    done = subprocess.run(
        [*command, "--fail", "azure=429"], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: --fail: 'azure=429' is of a provider that is not served")
