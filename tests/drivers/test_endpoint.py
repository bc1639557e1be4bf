"""A gateway that the harness does not host."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from harness.chain import Chain, Endpoint, Provider
from harness.drivers import host, wait_ready
from harness.drivers.endpoint import fill
from harness.errors import HarnessError, UsageError
from tests.drivers.providers import refused_port

BASE_URLS = {"openai": "http://127.0.0.1:1", "azure-eu": "http://127.0.0.1:2"}


def gateway(*command: str, base_url: str = "http://127.0.0.1:8787/v1/") -> Chain:
    """Return a chain behind a gateway."""
    return Chain(
        name="ours",
        driver="endpoint",
        providers={name: Provider(dialect="openai", model="gpt-4") for name in BASE_URLS},
        order=tuple(BASE_URLS),
        endpoint=Endpoint(base_url=base_url, model="best", headers={"x-team": "chaos"}, command=command or None),
    )


def test_only_addresses_are_filled_in() -> None:
    """`{NAME.base_url}` becomes an address, also twice in one argument; every other brace stays."""
    command = ("run", "{openai.base_url}/v1,{azure-eu.base_url}", "{}", "{openai}", '{"a": {"b": 1}}', "{x.y}", "{{")

    filled = fill(command, BASE_URLS)

    assert filled == ("run", "http://127.0.0.1:1/v1,http://127.0.0.1:2", *command[2:])


def test_an_unknown_provider_in_the_command_is_a_usage_error() -> None:
    """A typing error is said before anything starts."""
    with pytest.raises(UsageError, match="opnai") as caught:
        host(gateway("run", "{opnai.base_url}"))

    assert caught.value.known == "openai, azure-eu"


def test_the_load_sends_what_the_chain_says() -> None:
    """Address, model and headers are the endpoint's own; one warm-up call in all; attempts are unseen."""
    how = host(gateway())
    address = how.address(None)

    assert (how.part, how.sees_attempts, how.command(BASE_URLS)) == (None, False, None)
    assert address.base_url == "http://127.0.0.1:8787/v1"
    assert address.model == "best"
    assert address.headers == {"x-team": "chaos"}
    assert address.addressable == {"openai": "best"}


def test_a_hosted_chain_is_a_part(tmp_path: Path) -> None:
    """A part's start message holds chain, addresses and, where rows are kept, the folder."""
    chain = Chain(
        name="one",
        driver="litellm-router",
        providers={"openai": Provider(dialect="openai", model="gpt-4")},
        order=("openai",),
    )
    how = host(chain)

    assert how.part is not None
    assert how.part[-1] == "harness.drivers.litellm_router"
    assert how.sees_attempts
    assert how.start_message(None, BASE_URLS) == {"chain": chain, "base_urls": BASE_URLS}
    assert how.start_message(tmp_path, BASE_URLS)["capture"] == str(tmp_path)


def test_a_port_that_accepts_is_ready() -> None:
    """A connection is enough, and nothing is sent over it."""
    received: list[bytes] = []

    async def run() -> None:
        done = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            received.append(await reader.read())
            writer.close()
            done.set()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            await wait_ready(f"http://127.0.0.1:{port}/v1")
            await asyncio.wait_for(done.wait(), 10)

    asyncio.run(run())

    assert received == [b""]


def test_a_gateway_that_dies_is_said_with_its_last_words() -> None:
    """A process that ended is named at once, with what it wrote, even where a stranger holds the port."""
    with pytest.raises(HarnessError, match="ended before it was ready") as caught:
        asyncio.run(wait_ready(refused_port(), ended=lambda: "one\nno such flag: --primary\n"))

    assert "no such flag: --primary" in str(caught.value)


def test_a_gateway_that_never_listens_is_given_up() -> None:
    """The wait has an end."""
    with pytest.raises(HarnessError, match="nothing accepts a connection"):
        asyncio.run(wait_ready(refused_port(), timeout_s=0.01))


def test_a_port_that_is_none_is_a_usage_error() -> None:
    """A base_url with a port out of range is the user's mistake."""
    with pytest.raises(UsageError, match="port"):
        asyncio.run(wait_ready("http://127.0.0.1:99999/v1"))
