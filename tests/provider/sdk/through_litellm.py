"""LiteLLM, asked as its Router asks it, for the providers that most of its users reach through it: in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.provider import vectors
from harness.provider.dialects import dialect_of
from harness.provider.spec import Provider

from .cases import WARM_UP, Case
from .heard import Heard, LiteLLMError

SCRIPT = Path(__file__).with_name("ask_litellm.py")
LIMIT_S = 300.0
"""The longest that all calls may take together, so that a hanging one is found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How LiteLLM is asked for the models of a provider.

    Attributes:
        dialect: What the provider speaks.
        model: What LiteLLM calls the model. In it and in the parameters `{case}` is the case's name, which the provider reads.
        vendor: Whose API it is, if the dialect is `openai-compatible`; None for a vendor without a row.
        params: Of the deployment. In them `{host}` is the provider's address.
        listed: Whether the model must be in LiteLLM's list: it asks the server about others.
        inputs: How many texts it is to embed; 0 asks for a chat completion.
    """

    dialect: str
    model: str
    vendor: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    listed: bool = False
    inputs: int = 0


def of_vendor(vendor: str | None) -> Way:
    """Return the way to a vendor, as its row declares it."""
    names = dialect_of(Provider(dialect="openai-compatible", vendor=vendor, model="any")).litellm
    assert names is not None
    params = {"api_base": "{host}" + names.path, **KEYED}
    return Way(dialect="openai-compatible", vendor=vendor, model=f"{names.provider}/{{case}}", params=params)


def at_vertex(publisher: str, model: str) -> Way:
    """Return the way to a model of a publisher's at Vertex AI."""
    names = dialect_of(Provider(dialect="vertex_ai", model="any")).litellm
    assert names is not None
    base = f"{{host}}/v1/projects/p/locations/global/publishers/{publisher}/models/{{case}}"
    return Way(dialect="vertex_ai", model=f"vertex_ai/{model}", params={"api_base": base, **names.defaults})


KEYED = {"api_key": "no-key"}
_AT_HOST = {"api_base": "{host}"}
AWS = {
    "api_base": "{host}",
    "aws_access_key_id": "no-key",
    "aws_secret_access_key": "no-key",
    "aws_region_name": "us-east-1",
}
_COHERE = {"api_base": "{host}/v2/chat", **KEYED}

LITELLM = {
    "litellm-bedrock": Way(dialect="bedrock", model="bedrock/converse/{case}", params=AWS),
    "litellm-bedrock-invoke": Way(
        dialect="bedrock",
        model="bedrock/invoke/anthropic.claude-3-haiku-20240307-v1:0",
        params={**AWS, "model_id": "{case}"},
    ),
    "litellm-groq": of_vendor("groq"),
    "litellm-mistral": of_vendor("mistral"),
    "litellm-xai": of_vendor("xai"),
    "litellm-cloudflare": of_vendor("cloudflare"),
    "litellm-plain": of_vendor(None),
    "litellm-cohere": Way(dialect="cohere", model="cohere/{case}", params=_COHERE),
    "litellm-cohere-chat": Way(
        dialect="cohere",
        model="cohere_chat/{case}",
        params={**_COHERE, "extra_body": {"model": "{case}"}},  # LiteLLM 1.75 sends none
    ),
    "litellm-vertex_ai": at_vertex("google", "gemini-2.5-pro"),
    "litellm-vertex_ai-claude": at_vertex("anthropic", "claude-sonnet-4@20250514"),
    "litellm-ollama": Way(dialect="ollama", model="ollama/{case}", params=_AT_HOST, listed=True),
    "litellm-ollama_chat": Way(dialect="ollama_chat", model="ollama_chat/{case}", params=_AT_HOST, listed=True),
}
"""By name."""

COHERE = ("litellm-cohere", "litellm-cohere-chat")
"""LiteLLM reads lines of JSON, which have no sign that nothing follows."""

HEADERLESS = (*COHERE, "litellm-vertex_ai", "litellm-vertex_ai-claude", "litellm-cloudflare")
"""LiteLLM leaves out the headers of these providers' errors."""


async def ask_all(
    python: str,
    ways: Mapping[str, Way],
    hosts: Mapping[str, str],
    asked: Mapping[tuple[str, str], Case],
    prompts: Mapping[tuple[str, str], str],
    at_once: Mapping[bool, int],
) -> dict[tuple[str, str], Heard]:
    """Ask LiteLLM.

    Args:
        python: The interpreter that has it.
        ways: By name.
        hosts: Where each way finds its provider: `http://127.0.0.1:PORT`.
        asked: The calls, by way and case.
        prompts: Of the calls.
        at_once: How many calls are made at once that wait for most of their time, and how many that do not.

    Raises:
        RuntimeError: The process failed, or did not answer every call.
    """
    keys = list(asked)
    batches = [{"at_once": 1, "calls": list(_warm_up(ways, hosts))}]
    for idle in (True, False):
        calls = [
            {
                "number": number,
                "times": asked[key].times,
                "asked": _asked(ways[key[0]], hosts[key[0]], asked[key], prompts[key]),
            }
            for number, key in enumerate(keys)
            if asked[key].idle is idle
        ]
        batches.append({"at_once": at_once[idle], "calls": calls})
    cases = {case.name for case in (*WARM_UP, *asked.values())}
    listed = [ways[name].model.replace("{case}", case) for name in hosts if ways[name].listed for case in sorted(cases)]
    said = await _run(python, {"listed": listed, "batches": batches})
    heard = {keys[each["number"]]: _heard(each) for each in map(json.loads, said.splitlines()) if each["number"] >= 0}
    if missing := asked.keys() - heard.keys():
        raise RuntimeError(f"no answer to {sorted(missing)}")
    return heard


async def _run(python: str, work: Mapping[str, Any]) -> str:
    process = await asyncio.create_subprocess_exec(
        python,
        "-P",
        str(SCRIPT),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            out, err = await process.communicate(json.dumps(work).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"LiteLLM's process ended with {process.returncode}: {err.decode()[-2000:]}")
    return out.decode()


def _warm_up(ways: Mapping[str, Way], hosts: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for name, host in hosts.items():
        for case in WARM_UP:
            yield {"number": -1, "times": 1, "asked": _asked(ways[name], host, case, "hello")}


def _asked(way: Way, host: str, case: Case, prompt: str) -> dict[str, Any]:
    """Return the arguments of a call."""
    params = json.dumps(dict(way.params)).replace("{host}", host).replace("{case}", case.name)
    call: dict[str, Any] = {
        "model": way.model.replace("{case}", case.name),
        "timeout": case.timeout_s,
        "num_retries": 0,
        "max_retries": 0,
        **json.loads(params),
    }
    if way.inputs:
        return call | {"input": [prompt] * way.inputs}
    call["messages"] = [{"role": "user", "content": prompt}]
    if case.streaming:
        call |= {"stream": True, "stream_options": {"include_usage": True}}
    if case.max_tokens is not None:
        call["max_tokens"] = case.max_tokens
    return call


def _heard(said: Mapping[str, Any]) -> Heard:
    error, usage = said["error"], said["usage"]
    spelled = [vectors.spelled(vector) or "?" for vector in said.get("vectors", ())]
    return Heard(
        text=said["text"] or "".join(spelled),
        pieces=said["pieces"],
        model=said["model"],
        finish=said["finish"],
        usage=None if usage is None else (usage[0], usage[1]),
        error=None if error is None else LiteLLMError(**error),
    )
