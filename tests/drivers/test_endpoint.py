"""A gateway that the harness does not host."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from harness.chain import Chain, Endpoint, Provider
from harness.drivers.endpoint import Probe, fill, given_headers
from harness.drivers.host import host
from harness.errors import HarnessError, UsageError
from harness.messages import ChainStart
from tests.drivers.providers import refused_port

BASE_URLS = {"openai": "http://127.0.0.1:1", "azure-eu": "http://127.0.0.1:2"}


def gateway(*command: str, base_url: str = "http://127.0.0.1:8787/v1/", **more: Any) -> Chain:
    """Return a chain behind a gateway."""
    endpoint = Endpoint(base_url=base_url, model="best", headers={"X-Team": "chaos"}, command=command or None, **more)
    providers = {
        name: Provider(dialect="openai", model="gpt-4", listen=f"127.0.0.1:{port}")
        for port, name in enumerate(BASE_URLS, start=2)
    }
    return Chain(name="ours", driver="endpoint", providers=providers, order=tuple(BASE_URLS), endpoint=endpoint)


def probe(base_url: str, **more: Any) -> Probe:
    """Return the probe of a gateway."""
    found = host(gateway(base_url=base_url, **more)).probe()
    assert found is not None
    return found


def test_only_addresses_are_filled_in() -> None:
    """`{NAME.base_url}` becomes an address, also twice in one argument; every other brace stays."""
    command = ("run", "{openai.base_url}/v1,{azure-eu.base_url}", "{}", "{openai}", '{"a": {"b": 1}}', "{x.y}", "{{")

    filled = fill(command, BASE_URLS)

    assert filled == ("run", "http://127.0.0.1:1/v1,http://127.0.0.1:2", *command[2:])


def test_an_unknown_provider_in_the_command_is_a_usage_error() -> None:
    """A typing error is reported before anything starts."""
    with pytest.raises(UsageError, match="opnai") as caught:
        host(gateway("run", "{opnai.base_url}"))

    assert caught.value.known == "openai, azure-eu"


def test_the_load_sends_what_the_chain_says() -> None:
    """Address, model and headers are the endpoint's own; one warm-up call in all; attempts are unseen."""
    how = host(gateway())
    address = how.target()

    assert (how.part, how.forked, how.command(BASE_URLS)) == (None, None, None)
    assert address.base_url == "http://127.0.0.1:8787/v1"
    assert address.model == "best"
    assert address.headers == {"x-team": "chaos"}
    assert address.addressable == {"openai": "best"}
    assert address.warnings == ()


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the callers' bearer token, and neither the address nor the chain shows it."""
    monkeypatch.setenv("OUR_KEY", "hunter2-hunter2")
    how = host(gateway(api_key="env/OUR_KEY"))
    address = how.target()

    assert address.headers == {"x-team": "chaos", "authorization": "Bearer hunter2-hunter2"}
    assert "hunter2" not in repr((how, address, how.chain))


@pytest.mark.parametrize("value", [None, "", "two words", "n\u00f6", "line\nbreak"])
def test_a_key_that_is_none_is_a_usage_error(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    """It names the variable, shows nothing of its value, and comes before anything starts."""
    if value is None:
        monkeypatch.delenv("OUR_KEY", raising=False)
    else:
        monkeypatch.setenv("OUR_KEY", value)

    with pytest.raises(UsageError, match="OUR_KEY") as caught:
        host(gateway(api_key="env/OUR_KEY"))

    assert not value or value not in str(caught.value)


@pytest.mark.parametrize(
    ("base_url", "path"),
    [("http://127.0.0.1:1", "/chat/completions"), ("http://u:pw@127.0.0.1:1/api/", "/api/chat/completions")],
)
def test_an_address_without_v1_is_remarked_on(base_url: str, path: str) -> None:
    """It may be right, so it is a warning, which names where requests go and no password."""
    (warning,) = host(gateway(base_url=base_url)).target().warnings

    assert warning.endswith(f"requests go to {path}")
    assert "pw" not in warning


def test_a_hosted_chain_is_a_part(tmp_path: Path) -> None:
    """A part's start message holds chain, addresses, the seed and, where rows are kept, the folder."""
    chain = Chain(
        name="one",
        driver="litellm-router",
        providers={"openai": Provider(dialect="openai", model="gpt-4")},
        order=("openai",),
    )
    how = host(chain)

    assert how.part is not None
    assert how.part[-1] == "harness.drivers.litellm_router"
    assert how.forked == "harness.drivers.litellm_router"
    assert how.probe() is None
    assert how.start_message(None, BASE_URLS, seed=7) == ChainStart(chain=chain, base_urls=BASE_URLS, seed=7)
    assert how.start_message(tmp_path, BASE_URLS, seed=7).capture == str(tmp_path)


async def test_a_port_that_accepts_is_ready() -> None:
    """Without a path to ask, a connection is enough, and nothing is sent over it."""
    received: list[bytes] = []
    done = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read())
        writer.close()
        done.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await probe(f"http://127.0.0.1:{port}/v1").wait()
        await asyncio.wait_for(done.wait(), 10)

    assert received == [b""]


@respx.mock
def test_a_path_is_asked_until_it_answers_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a 2xx is ready, no redirect; every question is a GET below the host, with key and headers, and no chat."""
    monkeypatch.setenv("OUR_KEY", "hunter2-hunter2")
    silent = (httpx.ConnectError("refused"), httpx.ReadTimeout("silent"), httpx.RemoteProtocolError("cut"))
    asked = respx.get("http://127.0.0.1:8787/health/ready", params={"deep": "1"})
    asked.side_effect = [*silent, *map(httpx.Response, (503, 404, 302, 204))]

    asyncio.run(probe("http://127.0.0.1:8787/v1", ready="/health/ready?deep=1", api_key="env/OUR_KEY").wait())

    assert asked.call_count == 7
    for call in asked.calls:
        headers = call.request.headers
        assert (headers["x-team"], headers["authorization"]) == ("chaos", "Bearer hunter2-hunter2")


@respx.mock
async def test_an_address_with_a_user_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the address names a user as well, the key wins, as it does in the load."""
    monkeypatch.setenv("OUR_KEY", "hunter2-hunter2")
    asked = respx.get("http://127.0.0.1:8787/health").respond(200)
    named = "http://user:password@127.0.0.1:8787/v1"
    assert await probe(named, ready="/health").ready()
    assert await probe(named, ready="/health", api_key="env/OUR_KEY").ready()

    assert [call.request.headers["authorization"].split()[0] for call in asked.calls] == ["Basic", "Bearer"]


@pytest.mark.parametrize("answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 2"])
def test_a_gateway_that_speaks_garbage_is_not_ready(answer: bytes) -> None:
    """Whatever comes over the connection, the question has an answer, and no traceback."""

    async def run() -> bool:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        async with server:
            return await probe(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", ready="/health").ready()

    assert asyncio.run(run()) is False


@pytest.mark.parametrize("ready", [None, "/health"])
def test_a_gateway_that_never_listens_is_given_up(ready: str | None) -> None:
    """The wait has an end, and the error names what it waited for."""
    asked = probe(refused_port() + "/v1", ready=ready)
    with pytest.raises(HarnessError, match=f"did not .*{ready or 'accept'}.* within") as caught:
        asyncio.run(asked.wait(timeout_s=0.01))

    assert asked.address in caught.value.problem


async def test_a_port_in_use_is_named() -> None:
    """A gateway cannot be started where a stranger would answer in its place."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        asked = probe(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        with pytest.raises(HarnessError, match=f"already runs at {asked.address}"):
            await asked.free()
    await asked.free()


def test_a_tenants_key_takes_the_place_of_its_name() -> None:
    """As a bearer token in `authorization`, as it is in any other header; a name that nobody has stays."""
    written = {"Authorization": "tenant/gold", "x-key": "tenant/gold", "x-other": "tenant/nobody"}

    assert given_headers(written, {}, {"gold": "sk-1"}) == {
        "authorization": "Bearer sk-1",
        "x-key": "sk-1",
        "x-other": "tenant/nobody",
    }
