"""Asks the LiteLLM of an interpreter what a configuration means there. A program of its own: it imports nothing of ours.

The question comes on standard input and the answer leaves on standard output, both as JSON; see `harness.chain.litellm_reading`.
Nothing leaves this machine: LiteLLM calls a server of this process, and every other connection is refused.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
import warnings
from importlib import import_module
from typing import Any

MARK = "harness-reading:"
_REPLY = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop",'
    b'"message":{"role":"assistant","content":"understood"}}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2},'
    b'"service_tier":"default"}'
)
_PATIENCE_S = 10.0
_SETTINGS = (bool, int, float, str, list, dict)
_SERVER_ERROR = "litellm.InternalServerError"
_FILTERED = "litellm.ContentPolicyViolationError"
_ERRORS = (_SERVER_ERROR, "litellm.ContextWindowExceededError", _FILTERED)
"""What every deployment fails with, as LiteLLM has a table of fallbacks for each."""


def main() -> None:
    """Answer one question."""
    question = json.load(sys.stdin)
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    warnings.simplefilter("ignore")
    sys.addaudithook(_refuse_calls_out)
    answer = asyncio.run(_answer(question))
    sys.stdout.write(f"\n{MARK}{json.dumps(answer)}\n")
    sys.stdout.flush()
    os._exit(0)  # LiteLLM's threads and clients need no end of their own


def _refuse_calls_out(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.getaddrinfo" and arguments[0] not in ("127.0.0.1", b"127.0.0.1"):
        raise ConnectionRefusedError("nothing is called but this process")
    if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] != "127.0.0.1":
        raise ConnectionRefusedError("nothing is called but this process")


def _module(name: str) -> Any:
    return import_module(name)


async def _answer(question: dict[str, Any]) -> dict[str, Any]:
    deployments = [_deployment(each) for each in question["model_list"]]
    walks = [await _walk(question, deployments, error) for error in _ERRORS]
    reached = sorted({place for walk in walks for pick in walk for place in pick})
    asked = {(deployments[place]["provider"], deployments[place]["model"]) for place in reached}
    compatible = await _compatible(sorted(each for each in asked if each[0] and each[0] not in question["own"]))
    for each in deployments:
        each["compatible"] = (each["provider"], each["model"]) in compatible
    litellm = _module("litellm")
    parameters = inspect.signature(litellm.Router.__init__).parameters
    return {
        "deployments": deployments,
        "walks": walks,
        "router": sorted(name for name in parameters if name != "self"),
        "module": sorted(
            name for name, value in vars(litellm).items() if isinstance(value, _SETTINGS) or value is None
        ),
    }


def _deployment(each: dict[str, Any]) -> dict[str, Any]:
    """Return whose model a deployment is, what the provider is asked for, and what the model is for."""
    litellm = _module("litellm")
    try:
        model, provider, _key, _base = litellm.get_llm_provider(
            each["model"], custom_llm_provider=each["custom_llm_provider"]
        )
    except Exception:  # whatever LiteLLM raises for a provider that it does not have
        return {"provider": None, "model": each["model"], "mode": None}
    try:
        mode = litellm.get_model_info(model=model, custom_llm_provider=provider).get("mode")
    except Exception:  # it has no entry for most models
        mode = None
    return {"provider": provider, "model": model, "mode": mode}


async def _walk(question: dict[str, Any], deployments: list[dict[str, Any]], error: str) -> list[list[int]]:
    """Return which deployments LiteLLM chooses from, one choice after the other, if every one of them fails."""
    litellm, logger = _module("litellm"), _module("litellm.integrations.custom_logger")
    picks: list[list[int]] = []

    base: Any = logger.CustomLogger

    class Picks(base):  # type: ignore[misc]
        async def async_filter_deployments(self, *_: Any, healthy_deployments: Any, **_more: Any) -> Any:
            picks.append([int(each["model_info"]["id"]) for each in healthy_deployments])
            return healthy_deployments

    raised: Any = error
    if error == _FILTERED:  # which LiteLLM does not raise by name
        raised = _filtered(litellm)
    model_list = [
        {
            "model_name": each["model_name"],
            "litellm_params": {
                "model": each["model"],
                # A model that LiteLLM does not know fails like any other.
                "custom_llm_provider": each["custom_llm_provider"]
                or (None if deployments[place]["provider"] else "openai"),
                "api_key": "none",
                "api_base": "http://127.0.0.1:9",
                "mock_response": raised,
            },
            "model_info": {"id": str(place)},
        }
        for place, each in enumerate(question["model_list"])
        if deployments[place]["provider"] != "auto_router"
    ]
    litellm.callbacks = [Picks()]
    try:
        router = litellm.Router(model_list=model_list, num_retries=0, disable_cooldowns=True, **question["router"])
        await router.acompletion(model=question["entry"], messages=[{"role": "user", "content": "?"}])
    except Exception as failed:
        if not picks and error == _SERVER_ERROR:
            sys.stderr.write(f"{type(failed).__name__}: {failed}\n")
    finally:
        litellm.callbacks = []
    return picks


def _filtered(litellm: Any) -> Any:
    """Return the error of a content policy. LiteLLM copies the parameters of a deployment, which this error cannot do."""
    base: Any = litellm.ContentPolicyViolationError

    class Filtered(base):  # type: ignore[misc]
        def __deepcopy__(self, _memo: Any) -> Any:
            return self

    return Filtered("filtered", "m", "openai")


async def _compatible(asked_for: list[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the providers, each with a model, that LiteLLM asks in OpenAI's format at an address that it is given."""
    litellm = _module("litellm")
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), b":0")
        asked.append(head.split(b" ")[1] + b" " + await reader.readexactly(int(length.split(b":")[1])))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n")
        writer.write(b"content-length: %d\r\n\r\n%b" % (len(_REPLY), _REPLY))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    found = set()
    for provider, model in asked_for:
        asked.clear()
        try:
            answer = await asyncio.wait_for(
                litellm.acompletion(
                    model=model,
                    custom_llm_provider=provider,
                    api_base=base,
                    api_key="none",
                    messages=[{"role": "user", "content": "?"}],
                    num_retries=0,
                    max_retries=0,
                ),
                _PATIENCE_S,
            )
            text = answer.choices[0].message.content
        except Exception as error:  # whatever it does that is no such call
            sys.stderr.write(f"{provider}/{model}: {type(error).__name__}: {str(error)[:200]}\n")
            continue
        if text == "understood" and len(asked) == 1 and b"/chat/completions" in asked[0].split(b" ")[0]:
            found.add((provider, model))
    return found


if __name__ == "__main__":
    main()
