"""The mocked providers as real client libraries meet them."""

import os
import time
from typing import Any

import openai
import pytest

from harness.scenario import Inject
from tests.plans import quick, window

from .conftest import Open, Scene

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else its import goes to the network

PROMPT: Any = [{"role": "user", "content": "hello [[req-000001 abcd1234]]"}]
QUIET = pytest.mark.filterwarnings("ignore")  # other people's deprecations


def sdk_of(s: Scene) -> openai.AsyncOpenAI:
    """Return OpenAI's SDK for the scene's only provider, of Azure's flavour if that is its dialect."""
    ((dialect, port),) = s.edge.ports.items()
    if dialect == "azure":
        return openai.AsyncAzureOpenAI(
            azure_endpoint=f"http://127.0.0.1:{port}", api_key="k", api_version="2024-06-01", max_retries=0
        )
    return openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="k", max_retries=0)


@QUIET
@pytest.mark.parametrize("dialect", ["openai", "azure"])
async def test_the_openai_sdk_reads_answers_and_streams(scene: Open, dialect: str) -> None:
    """Plain and streamed, the official SDK finds the text, its end and the usage."""
    async with scene(**{dialect: quick(dialect, tokens=5)}) as s, sdk_of(s) as sdk:
        answer = await sdk.chat.completions.create(model="gpt-4", messages=PROMPT)
        assert answer.choices[0].message.content.startswith(f"<<req-000001.{dialect}.1>> ")
        assert (answer.choices[0].finish_reason, answer.usage.completion_tokens) == ("stop", 5)
        assert answer._request_id
        stream = await sdk.chat.completions.create(
            model="gpt-4", messages=PROMPT, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        pieces = [c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content]
        assert len(pieces) == 5
        assert pieces[0] == f"<<req-000001.{dialect}.2>>"
        assert chunks[-1].usage.completion_tokens == 5
        assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"


@QUIET
@pytest.mark.parametrize("dialect", ["openai", "azure"])
@pytest.mark.parametrize(
    ("inject", "error"),
    [
        (Inject(status=429, error="rate_limit", retry_after=2 * 10**9), openai.RateLimitError),
        (Inject(status=400, error="context_length"), openai.BadRequestError),
        (Inject(status=401), openai.AuthenticationError),
        (Inject(status=403), openai.PermissionDeniedError),
        (Inject(status=404), openai.NotFoundError),
        (Inject(status=529), openai.InternalServerError),
        (Inject(connection="reset"), openai.APIConnectionError),
    ],
)
async def test_the_openai_sdk_tells_failures_apart(
    scene: Open, dialect: str, inject: Inject, error: type[openai.APIError]
) -> None:
    """Each fault is the SDK's own exception, with the provider's code in it."""
    async with scene(window(inject, dialect), **{dialect: quick(dialect)}) as s:
        async with sdk_of(s) as sdk:
            with pytest.raises(error) as raised:
                await sdk.chat.completions.create(model="gpt-4", messages=PROMPT)
        (record,) = await s.recorded(1)
        if isinstance(raised.value, openai.APIStatusError):
            assert (raised.value.code or raised.value.type) == record.error_code
            assert raised.value.request_id


@QUIET
@pytest.mark.system
@pytest.mark.parametrize(
    ("dialect", "model"), [("openai", "openai/gpt-4"), ("azure", "azure/gpt-4"), ("anthropic", "anthropic/claude-3-5")]
)
async def test_litellm_reads_answers_streams_and_failures(scene: Open, dialect: str, model: str) -> None:
    """LiteLLM's own handlers take what the mocks say, whole, streamed and failed."""
    import litellm  # noqa: PLC0415 - slow, and only here

    fault = window(Inject(status=429), dialect)
    async with scene(fault, begin=False, **{dialect: quick(dialect, tokens=5)}) as s:
        path = "/v1" if dialect == "openai" else ""
        call: dict[str, Any] = {
            "model": model,
            "messages": PROMPT,
            "api_base": f"http://127.0.0.1:{s.edge.ports[dialect]}{path}",
            "api_key": "k",
            "api_version": "2024-06-01" if dialect == "azure" else None,
            "num_retries": 0,
            "max_retries": 0,
        }
        answer = await litellm.acompletion(**call)
        assert answer.choices[0].message.content.startswith(f"<<req-000001.{dialect}.1>> ")
        assert (answer.choices[0].finish_reason, answer.usage.completion_tokens) == ("stop", 5)
        stream = await litellm.acompletion(**call, stream=True)
        chunks = [chunk async for chunk in stream]
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        assert text.startswith(f"<<req-000001.{dialect}.2>> ")
        assert len(text.split(" ")) == 5
        assert chunks[-1].choices[0].finish_reason == "stop"
        s.edge.begin(time.monotonic_ns())
        with pytest.raises(litellm.RateLimitError):
            await litellm.acompletion(**call)
        await litellm.close_litellm_async_clients()
