"""boto3's `bedrock-runtime`, which blocks: Converse, and InvokeModel with Anthropic's bodies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AsyncExitStack, closing
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from botocore.config import Config

from .cases import TIMEOUTS_S, Case
from .heard import Heard

if TYPE_CHECKING:
    from .clients import Ask

THREADS = 16


class Runtimes(NamedTuple):
    """Clients that block.

    Attributes:
        clients: By their timeout in seconds; boto3 has none for one call alone.
        threads: In which they block. The event loop's own are for other SDKs' look-ups of names.
    """

    clients: Mapping[float, Any]
    threads: Executor


def runtimes(host: str, stack: AsyncExitStack) -> Runtimes:
    """Return clients that try once.

    Args:
        host: Where they find Bedrock.
        stack: Closes them.
    """
    session = boto3.Session(aws_access_key_id="no-key", aws_secret_access_key="no-key", region_name="us-east-1")
    made = {}
    for timeout_s in TIMEOUTS_S:
        config = Config(
            connect_timeout=timeout_s,
            read_timeout=timeout_s,
            max_pool_connections=THREADS,
            retries={"total_max_attempts": 1},
        )
        made[timeout_s] = stack.enter_context(
            closing(session.client("bedrock-runtime", endpoint_url=host, config=config))
        )
    return Runtimes(made, stack.enter_context(ThreadPoolExecutor(THREADS)))


def converse(runtimes: Runtimes) -> Ask:
    """Return `converse` and `converse_stream`."""

    def block(heard: Heard, case: Case, prompt: str) -> None:
        client = runtimes.clients[case.timeout_s]
        call: dict[str, Any] = {"modelId": case.name, "messages": [{"role": "user", "content": [{"text": prompt}]}]}
        if case.max_tokens is not None:
            call["inferenceConfig"] = {"maxTokens": case.max_tokens}
        answer = client.converse_stream(**call) if case.streaming else client.converse(**call)
        heard.request_id = answer["ResponseMetadata"].get("RequestId")
        if case.streaming:
            with closing(answer["stream"]) as stream:
                for event in stream:
                    _read_event(heard, event)
            return
        with heard.reading():
            heard.text = answer["output"]["message"]["content"][0]["text"]
            heard.finish = answer["stopReason"]
            heard.usage = (answer["usage"]["inputTokens"], answer["usage"]["outputTokens"])

    return in_a_thread(runtimes.threads, block)


def _read_event(heard: Heard, event: Any) -> None:
    if "contentBlockDelta" in event:
        heard.add(event["contentBlockDelta"]["delta"]["text"])
    elif "messageStop" in event:
        heard.finish = event["messageStop"]["stopReason"]
    elif "metadata" in event:
        heard.usage = (event["metadata"]["usage"]["inputTokens"], event["metadata"]["usage"]["outputTokens"])


def invoke(runtimes: Runtimes) -> Ask:
    """Return `invoke_model` and `invoke_model_with_response_stream`, with Anthropic's messages."""

    def block(heard: Heard, case: Case, prompt: str) -> None:
        client = runtimes.clients[case.timeout_s]
        messages = [{"role": "user", "content": prompt}]
        body = {"anthropic_version": "bedrock-2023-05-31", "messages": messages, "max_tokens": case.max_tokens or 1000}
        call: dict[str, Any] = {"modelId": case.name, "body": json.dumps(body)}
        if not case.streaming:
            answer = client.invoke_model(**call)
            heard.request_id = answer["ResponseMetadata"].get("RequestId")
            data = json.loads(answer["body"].read())
            with heard.reading():
                heard.text = data["content"][0]["text"]
                heard.finish = data["stop_reason"]
                heard.usage = (data["usage"]["input_tokens"], data["usage"]["output_tokens"])
            return
        answer = client.invoke_model_with_response_stream(**call)
        heard.request_id = answer["ResponseMetadata"].get("RequestId")
        with closing(answer["body"]) as stream:
            for event in stream:
                _read_chunk(heard, json.loads(event["chunk"]["bytes"]))

    return in_a_thread(runtimes.threads, block)


def _read_chunk(heard: Heard, data: Any) -> None:
    if data["type"] == "content_block_delta":
        heard.add(data["delta"]["text"])
    elif data["type"] == "message_delta":
        heard.finish = data["delta"]["stop_reason"]
    elif data["type"] == "message_stop" and "amazon-bedrock-invocationMetrics" in data:
        metrics = data["amazon-bedrock-invocationMetrics"]
        heard.usage = (metrics["inputTokenCount"], metrics["outputTokenCount"])


def in_a_thread(threads: Executor, block: Callable[[Heard, Case, str], None]) -> Ask:
    """Return a call that blocks, as one that does not."""

    async def ask(heard: Heard, case: Case, prompt: str) -> None:
        await asyncio.get_running_loop().run_in_executor(threads, block, heard, case, prompt)

    return ask
