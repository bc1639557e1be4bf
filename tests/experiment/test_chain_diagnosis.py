"""`harness doctor CHAIN`: each provider is asked alone, over real sockets, and each trouble has a reason of its own."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import chain as chains
from harness import edge
from harness.chain import Chain, Provider
from harness.chain.upstream import parse
from harness.edge import asking as asking_calls
from harness.errors import ExitCode
from harness.experiment.chain_diagnosis import ChainDiagnosis, ask_providers
from harness.experiment.provider_diagnosis import ProviderDiagnosis
from harness.judge.result import Status
from harness.provider.dialects import DIALECTS, dialect_of
from harness.provider.dialects.vendors import VENDORS
from tests.edge.upstreams import certificate
from tests.plans import MODELS, chain, provider

from .vendors import KEY, Answering, Received, always, answer, listing, refused, vendor, well

ENVIRON = {"OUR_KEY": KEY}
HANGING_S = 3
"""Long enough for a connection on the loopback that comes at all."""
LISTED = answer(200, listing("openai", "gpt-4"))
OWN = pytest.mark.parametrize("dialect", DIALECTS.own)


def upstream(url: str, dialect: str = "openai", **fields: Any) -> Provider:
    """Return a real provider with a key; its address has the path that a user would write."""
    spec = provider(dialect, **fields)
    return replace(spec, upstream=url + dialect_of(spec).base_path, api_key="env/OUR_KEY")


async def examined(
    spec: Provider, *, environ: dict[str, str] = ENVIRON, allow_real: bool = False, limit_s: float = 10
) -> ProviderDiagnosis:
    """Return what comes of asking one provider."""
    found = await asked(chain(providers={"one": spec}), environ, allow_real=allow_real, limit_s=limit_s)
    return found.providers[0]


async def asked(
    asked_chain: Chain, environ: dict[str, str] = ENVIRON, *, allow_real: bool = False, limit_s: float = 10
) -> ChainDiagnosis:
    """Return what comes of asking a chain; no key may be in it, in any form."""
    found = await ask_providers(asked_chain, environ, allow_real=allow_real, limit_s=limit_s)
    assert KEY not in json.dumps([each.as_json() for each in found.providers])
    return found


async def test_every_dialect_has_a_mock_that_it_can_ask() -> None:
    """That the harness can play it, over a socket."""
    found = await asked(chain(providers={name: provider(name) for name in DIALECTS.own}))
    assert [each.dialect for each in found.providers] == list(DIALECTS.own)
    for one in found.providers:
        assert (one.status, one.real, one.reachable, one.problem) == (Status.PASS, False, True, "")
        assert one.latency_s is not None
        assert (one.key, one.key_accepted, one.models, one.address) == (None, None, None, None)


async def test_a_mock_of_a_model_that_embeds_texts_is_asked_for_embeddings() -> None:
    """In every dialect that has them."""
    embedding = [name for name, dialect in DIALECTS.own.items() if dialect.embed is not None]
    found = await asked(chain(providers={name: replace(provider(name), embeds=True) for name in embedding}))
    for one in found.providers:
        assert (one.status, one.asked, one.problem) == (Status.PASS, "embeddings of its mock", "")


@pytest.mark.parametrize("dialect", ["azure", "bedrock", "vertex_ai"])
async def test_a_deployment_that_embeds_texts_is_asked_at_its_own_address(dialect: str) -> None:
    """By an empty request, which it refuses."""
    async with vendor(lambda _call: refused(DIALECTS[dialect], "invalid_request")) as here:
        one = await examined(upstream(here.url, dialect, embeds=True))
    form = DIALECTS[dialect].embed
    assert form is not None
    assert here.asked == [f"POST {form.request(one.model, {'input': 'hello'}).path}"]
    assert one.status == Status.PASS


async def test_a_mock_that_cannot_be_played_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dialect, perhaps of another package, whose parts disagree."""
    broken = replace(DIALECTS["openai"], is_answer=lambda _body: False)
    monkeypatch.setattr("harness.experiment.chain_diagnosis.dialect_of", lambda _provider: broken)
    one = await examined(provider("openai"))
    assert one.status == Status.FAIL
    assert one.problem == "the mock of dialect openai answers 200 to its own request"


@OWN
async def test_a_vendor_that_is_well(dialect: str) -> None:
    """Each dialect's list of models is asked for with its own key header, or an empty request where it has none."""
    spec = provider(dialect)
    async with vendor(well(spec)) as here:
        one = await examined(upstream(here.url, dialect))
    declared = dialect_of(spec)
    assert (one.status, one.problem) == (Status.PASS, "")
    assert (one.real, one.reachable, one.key_accepted, one.key, one.key_from) == (
        True,
        True,
        True,
        "sk-…xyz",
        "OUR_KEY",
    )
    if declared.models is None:
        assert (one.models, one.has_model, one.asked) == (None, None, "an empty request, which costs nothing")
        assert [(call.method, call.body) for call in here.received] == [("POST", b"{}")]
    else:
        assert (one.has_model, one.asked, len(one.models or ())) == (True, "its list of models", 1)
        assert here.asked == [f"GET {declared.models}"] * 2  # once without the key


async def test_compatible_vendors_that_are_well() -> None:
    """At the path of each."""
    vendors = {name: Provider(dialect="openai-compatible", vendor=name, model="large") for name in VENDORS}
    async with AsyncExitStack() as stack:
        urls = {name: (await stack.enter_async_context(vendor(well(spec)))).url for name, spec in vendors.items()}
        real = {name: upstream(url, "openai-compatible", vendor=name, model="large") for name, url in urls.items()}
        found = await asked(chain(providers=real))
    for one in found.providers:
        assert (one.status, one.key_accepted, one.has_model, one.vendor) == (Status.PASS, True, True, one.name)


@OWN
async def test_a_wrong_key_is_refused(dialect: str) -> None:
    """In the vendor's own way: 401, but 403 at Bedrock and 400 at Gemini."""
    async with vendor(well(provider(dialect))) as here:
        one = await examined(upstream(here.url, dialect), environ={"OUR_KEY": "sk-wrong-0123456789abc"})
    assert (one.status, one.reachable, one.key_accepted) == (Status.FAIL, True, False)
    assert one.problem.startswith("it refuses the key (4")
    assert one.hint.startswith("is OUR_KEY the provider's own key")


async def test_a_vendor_that_says_400_to_a_wrong_key() -> None:
    """XAI."""
    spec = Provider(dialect="openai-compatible", vendor="xai", model="grok")
    async with vendor(well(spec)) as here:
        one = await examined(
            upstream(here.url, dialect="openai-compatible", vendor="xai", model="grok"),
            environ={"OUR_KEY": "xai-wrong"},
        )
    assert one.problem.startswith("it refuses the key (400)")


@OWN
async def test_a_key_without_the_right(dialect: str) -> None:
    """A 403 is another thing than a 401: the key is known."""
    async with vendor(lambda _call: refused(DIALECTS[dialect], "permission")) as here:
        one = await examined(upstream(here.url, dialect))
    assert (one.status, one.key_accepted) == (Status.FAIL, True)
    assert one.problem.startswith("it knows the key but forbids the call (403)")


@OWN
async def test_our_own_mock_passes_for_a_vendor(dialect: str) -> None:
    """It has no list of models, so an empty request follows; Gemini's refusal of one looks like that of a wrong key."""
    spec = provider(dialect)
    async with edge.serve(chain(providers={"one": spec})) as (here,):
        one = await examined(replace(spec, upstream=here.base_url, api_key="env/OUR_KEY"))
    unclear = dialect == "gemini"
    assert one.status == (Status.INCONCLUSIVE if unclear else Status.PASS)
    assert one.key_accepted == (None if unclear else True)
    assert one.asked.endswith("an empty request, which costs nothing")


TROUBLES: dict[str, tuple[Answering, str, str]] = {
    "redirects": (
        always(302, b"", location="https://elsewhere.example/login?next=secret"),
        "it redirects to https://elsewhere.example (302)",
        "not followed",
    ),
    "redirects-beside": (always(308, b"", location="/v2/models"), "it redirects elsewhere (308)", "not followed"),
    "page": (
        always(200, b"<!doctype html><title>Sign in</title>", content_type="text/html"),
        "it answers with a web page (200), not with JSON",
        "login page",
    ),
    "page-untyped": (always(200, b"  <html>"), "it answers with a web page (200), not with JSON", "login page"),
    "page-forbidden": (
        always(403, b"<html>blocked", content_type="text/html"),
        "it answers with a web page (403), not with JSON",
        "firewall",
    ),
    "page-missing": (
        always(404, b"<html>", content_type="text/html"),
        "it answers with a web page (404), not with JSON",
        "address of the API",
    ),
    "error-in-200": (
        always(200, {"error": {"message": "upstream is down", "code": "x"}}),
        'it answers 200, but with an error: "upstream is down"',
        "chains take them for answers",
    ),
    "no-list": (always(200, {"status": "ok"}), "it answers 200, but not with its list of models", "dialect"),
    "no-json": (always(200, b"ok"), "it answers 200, but not with its list of models", "dialect"),
    "empty": (always(200, b""), "it answers 200, but not with its list of models", "dialect"),
    "unauthorized": (
        always(401, {"error": {"message": f"Incorrect API key provided: {KEY}."}}),
        'it refuses the key (401): "Incorrect API key provided: (hidden)."',
        "is OUR_KEY the provider's own key",
    ),
    "forbidden": (always(403, {}), "it knows the key but forbids the call (403)", "right"),
    "quota": (
        always(429, {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}),
        'it limits the key\'s calls (429): "You exceeded your current quota"',
        "credit",
    ),
    "unpaid": (always(402, {"error": "no credit"}), 'it limits the key\'s calls (402): "no credit"', "credit"),
    "proxy-login": (always(407, b""), "a proxy before it wants a login (407)", "no proxy"),
    "down": (always(503, {"message": "no workers"}), 'it fails (503): "no workers"', "status page"),
    "teapot": (always(418, {}), "it answers 418 when asked for its list of models", "address"),
    "closes": (lambda _call: b"", "it closes the connection without an answer", "https"),
    "other-protocol": (lambda _call: b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "it does not answer in HTTP", "port"),
    "half": (lambda _call: LISTED[:-9], "it ends its answer half-way", ""),
    "begins": (lambda _call: LISTED[:60], "it closes the connection without an answer", "firewall"),
    "bad-gzip": (
        always(200, b"not gzip", content_encoding="gzip"),
        "it ends its answer half-way",
        "",
    ),
}


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_each_trouble_has_its_reason(trouble: str) -> None:
    """And a hint."""
    answering, problem, hint = TROUBLES[trouble]
    async with vendor(answering) as here:
        one = await examined(upstream(here.url))
    assert one.problem == problem
    assert hint in one.hint
    assert (one.status, one.reachable, one.models, one.has_model) == (Status.FAIL, True, None, None)


async def test_an_answer_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not all of it is read."""
    monkeypatch.setattr(asking_calls, "BODY_MAX", 1 << 20)
    async with vendor(always(200, b" " * (2 << 20))) as here:
        one = await examined(upstream(here.url))
    assert one.problem == "its answer is longer than 1 MB"


@pytest.fixture
def closed() -> int:
    """Return a port at which nothing listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


async def test_nothing_listens(closed: int) -> None:
    """A port without a server."""
    one = await examined(upstream(f"http://127.0.0.1:{closed}"))
    assert (one.status, one.reachable, one.problem) == (Status.FAIL, False, "nothing listens there")
    assert "is it up" in one.hint


@pytest.fixture
def full() -> Iterator[int]:
    """Return a port whose queue of connections is full, so that the next one is not answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = []
        for _ in range(8):
            one = socket.socket()
            one.settimeout(0)
            one.connect_ex(listener.getsockname())
            waiting.append(one)
        yield int(listener.getsockname()[1])
        for one in waiting:
            one.close()


async def test_an_unknown_host() -> None:
    """A name that cannot be one needs no network to be unknown."""
    one = await examined(upstream("https://no-such-host.invalid"), allow_real=True)
    assert (one.status, one.reachable) == (Status.FAIL, False)
    assert one.problem.startswith("unknown host (")


async def test_providers_that_hang(full: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them end together, each with how far its call had come; a name server holds up not even the program's end."""
    done, named = asyncio.Event(), threading.Event()
    known = socket.getaddrinfo

    def look_up(host: str, *arguments: Any, **options: Any) -> Any:
        return named.wait(60) if host == "slow-names.invalid" else known(host, *arguments, **options)

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
        await done.wait()
        writer.close()

    monkeypatch.setattr(asking_calls.socket, "getaddrinfo", look_up)
    async with await asyncio.start_server(trickle, "127.0.0.1", 0) as server, vendor(lambda _call: None) as silent:
        urls = {
            "begins": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
            "silent": silent.url,
            "drops-packets": f"http://127.0.0.1:{full}",
            "slow-names": "https://slow-names.invalid",
        }
        providers = {name: upstream(url) for name, url in urls.items()}
        found = await asked(chain(providers=providers), allow_real=True, limit_s=HANGING_S)
        done.set()
        named.set()
    assert {each.name: (each.status, each.reachable, each.problem) for each in found.providers} == {
        "begins": (Status.FAIL, True, "it begins to answer, but does not end within 3 s"),
        "silent": (Status.FAIL, True, "it takes the call, but does not answer within 3 s"),
        "drops-packets": (Status.FAIL, False, "no connection within 3 s"),
        "slow-names": (Status.FAIL, False, "no connection within 3 s"),
    }
    hints = [each.hint for each in found.providers]
    assert all(part in hint for part, hint in zip(["", "overloaded", "TLS", "name server"], hints, strict=True))


async def test_a_certificate_that_nobody_trusts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is sent nothing; trusting who signed it helps."""
    context, authority = certificate(tmp_path / "tls")
    async with vendor(well(provider()), tls=context) as here:
        one = await examined(upstream(here.url))
        assert (one.reachable, here.received) == (False, [])
        assert one.problem == "its certificate is not trusted: self-signed certificate"
        assert "SSL_CERT_FILE" in one.hint
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        assert (await examined(upstream(here.url))).status == Status.PASS


async def test_http_where_https_is_written_and_the_other_way_round(tmp_path: Path) -> None:
    """Both happen behind gateways."""
    context, _ = certificate(tmp_path / "tls")

    async def hello(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    plain = await asyncio.start_server(hello, "127.0.0.1", 0)
    async with plain, vendor(well(provider()), tls=context) as over_tls:
        ours = await examined(upstream(f"https://127.0.0.1:{plain.sockets[0].getsockname()[1]}"))
        theirs = await examined(upstream(over_tls.url.replace("https:", "http:")))
    assert ours.problem == "it does not speak TLS"
    assert theirs.problem == "it closes the connection without an answer"
    assert "expect https" in theirs.hint


async def test_a_proxy_in_the_environment_is_named(closed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness calls providers directly, the chain's library may not. The proxy's address may hold a password."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", f"http://user:{KEY}@127.0.0.1:9")
    async with vendor(well(provider())) as here:
        one = await examined(upstream(here.url))
        away = await examined(upstream(f"http://127.0.0.1:{closed}"))
        monkeypatch.setenv("NO_PROXY", "localhost")
        bypassed = await examined(upstream(here.url))
    assert one.status == Status.PASS
    assert one.notes == ("HTTP_PROXY is set; the harness did not use it, but the chain may",)
    assert away.hint.startswith("HTTP_PROXY is set, but the harness calls providers directly: is it up")
    assert bypassed.notes == ()


async def test_no_byte_leaves_this_machine_without_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even for a name server. The mock beside it is asked."""
    looked_up: list[str] = []
    monkeypatch.setattr(asking_calls.socket, "getaddrinfo", lambda host, *_args, **_options: looked_up.append(host))
    providers = {"real": upstream("https://api.example.invalid"), "mock": provider("azure")}
    found = await asked(chain(providers=providers))
    real, mock = found.providers
    assert (real.status, real.reachable, real.asked, mock.status) == (Status.INCONCLUSIVE, None, "", Status.PASS)
    assert real.problem == "it was not asked: it is real"
    assert "--allow-real" in real.hint
    assert found.exit_code == ExitCode.INCONCLUSIVE
    assert looked_up == []


async def test_a_key_that_is_not_set_fails_without_a_call() -> None:
    """As a run would."""
    async with vendor(well(provider())) as here:
        one = await examined(upstream(here.url), environ={})
    assert (one.status, one.problem) == (Status.FAIL, "the environment variable OUR_KEY is not set")
    assert one.hint == "export OUR_KEY=…"
    assert here.received == []


async def test_a_key_that_no_header_can_carry() -> None:
    """Copied with a line break, or from a text with its own quotation marks."""
    async with vendor(well(provider())) as here:
        for key in ("sk-a\nb", "“sk-a”"):
            one = await examined(upstream(here.url), environ={"OUR_KEY": key})
            assert "no header can carry" in one.problem
    assert here.received == []


async def test_a_provider_without_a_key() -> None:
    """A server of one's own needs none; a vendor does."""
    open_to_all, bare = always(200, listing("openai", "gpt-4")), provider(api_key=None)
    async with vendor(open_to_all) as ours, vendor(well(bare)) as theirs:
        one = await examined(replace(bare, upstream=f"{ours.url}/v1"))
        other = await examined(replace(bare, upstream=f"{theirs.url}/v1"))
    assert (one.status, one.key_accepted, one.has_model, len(ours.received)) == (Status.PASS, None, True, 1)
    assert other.problem.startswith("it refuses calls without a key (401)")
    assert other.hint == "it needs a key, and none was sent"


async def test_a_list_for_everybody_does_not_show_that_the_key_is_accepted() -> None:
    """OpenRouter's and others': a request follows that is refused, but not before the key is read."""
    spec = provider("openrouter")
    async with vendor(well(spec, public=True)) as here:
        one = await examined(upstream(here.url, "openrouter"))
        wrong = await examined(upstream(here.url, "openrouter"), environ={"OUR_KEY": "sk-wrong"})
    assert (one.status, one.key_accepted, one.has_model) == (Status.PASS, True, True)
    assert one.asked == "its list of models, then an empty request, which costs nothing"
    assert (wrong.status, wrong.key_accepted) == (Status.FAIL, False)
    posted = [call.body for call in here.received if call.method == "POST"]
    assert posted == [b"{}", b"{}"]


async def test_an_alias_is_not_on_the_list() -> None:
    """Asked by its name, the vendor has it."""
    spec = provider("anthropic", model="claude-latest")

    def answering(call: Received) -> bytes:
        if call.path == "/v1/models/claude-latest":
            return answer(200, {"id": MODELS["anthropic"], "type": "model"})
        return well(spec, models=MODELS["anthropic"])(call)

    async with vendor(answering) as here:
        one = await examined(upstream(here.url, "anthropic", model="claude-latest"))
    assert (one.status, one.has_model) == (Status.PASS, True)
    assert one.notes == ("claude-latest is not on its list, but it has it",)


async def test_a_model_that_the_vendor_does_not_have() -> None:
    """The nearest name is suggested."""
    async with vendor(well(provider(), models="gpt-4o")) as here:
        one = await examined(upstream(here.url, model="gpt-4x"))
    assert (one.status, one.has_model, one.models) == (Status.FAIL, False, ("gpt-4o",))
    assert (one.problem, one.hint) == ("it has no model 'gpt-4x'", "did you mean 'gpt-4o'?")


async def test_a_list_that_does_not_decide() -> None:
    """The vendor fails when it is asked for the model itself."""

    def answering(call: Received) -> bytes:
        return answer(500, {}) if call.path.endswith("/gpt-4x") else well(provider(), models="gpt-4o")(call)

    async with vendor(answering) as here:
        one = await examined(upstream(here.url, model="gpt-4x"))
    assert (one.status, one.has_model) == (Status.INCONCLUSIVE, None)
    assert one.problem == "'gpt-4x' is not on its list, and it does not say whether it has it"


@pytest.mark.parametrize("dialect", ["azure", "bedrock"])
async def test_a_deployment_that_is_not_there(dialect: str) -> None:
    """Where the address names the model, the empty request shows that it is missing."""
    async with vendor(well(provider(dialect, model="other"))) as here:
        one = await examined(upstream(here.url, dialect))
    assert (one.status, one.has_model) == (Status.FAIL, False)
    assert one.problem.startswith("it has no 'gpt-4' at this address: 404: ")
    assert here.asked == [
        f"POST {dialect_of(provider(dialect)).request('gpt-4', {'messages': [], 'stream': False}).path}"
    ]


@pytest.mark.parametrize(
    ("status", "body", "expected", "problem"),
    [
        (404, {}, Status.FAIL, "it has no completions at this address: 404"),
        (200, {"ok": True}, Status.INCONCLUSIVE, "it answers 200, which does not show whether it accepts the key"),
        (500, {}, Status.INCONCLUSIVE, "it answers 500, which does not show whether it accepts the key"),
        (503, {}, Status.FAIL, "it fails (503)"),
        (400, b"<html>", Status.FAIL, "it answers with a web page (400), not with JSON"),
    ],
)
async def test_what_an_empty_request_may_meet(status: int, body: object, expected: Status, problem: str) -> None:
    """At a server without a list of models."""

    def answering(call: Received) -> bytes:
        return answer(404, {}) if call.method == "GET" else answer(status, body)

    async with vendor(answering) as here:
        one = await examined(upstream(here.url))
    assert (one.status, one.problem, one.key_accepted) == (expected, problem, None)


async def test_all_are_asked_at_once() -> None:
    """Each vendor answers only when all have been asked."""
    arrived = asyncio.Barrier(3)

    async def together(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"authorization" in head.lower():
            await arrived.wait()
        writer.write(LISTED)
        await writer.drain()
        writer.close()

    servers = [await asyncio.start_server(together, "127.0.0.1", 0) for _ in range(3)]
    names = [f"p{number}" for number in range(3)]
    urls = [f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in servers]
    found = await asked(chain(providers=dict(zip(names, map(upstream, urls), strict=True))))
    for server in servers:
        server.close()
    assert [each.reachable for each in found.providers] == [True] * 3


async def test_one_that_fails_hides_no_other(closed: int) -> None:
    """In the chain's order, with the worst one's exit code."""
    async with vendor(well(provider())) as here:
        providers = {
            "gone": upstream(f"http://127.0.0.1:{closed}"),
            "well": upstream(here.url),
            "mock": provider("azure"),
        }
        found = await asked(chain(providers=providers))
    assert [(each.name, each.status) for each in found.providers] == [
        ("gone", Status.FAIL),
        ("well", Status.PASS),
        ("mock", Status.PASS),
    ]
    assert found.exit_code == ExitCode.FAIL


CONFIG = """
model_list:
  - {model_name: chat, model_info: {id: eu}, litellm_params: {model: openai/gpt-4, api_base: os.environ/OUR_BASE, api_key: os.environ/OUR_KEY}}
  - {model_name: chat, model_info: {id: us}, litellm_params: {model: openai/gpt-4, api_base: os.environ/OUR_BASE, api_key: os.environ/OUR_KEY}}
  - {model_name: claude, litellm_params: {model: anthropic/claude-3-5-sonnet-20241022, api_base: os.environ/CLAUDE_BASE, extra_headers: {x-team: chaos}}}
  - {model_name: bedrock, litellm_params: {model: bedrock/amazon.nova-pro-v1:0, api_base: os.environ/AWS_BASE}}
  - {model_name: fixed, litellm_params: {model: openai/gpt-4, mock_response: hello}}
router_settings:
  fallbacks: [{chat: [claude, bedrock, fixed]}]
"""


def configuration(tmp_path: Path, text: str = CONFIG) -> Chain:
    """Return the chain of a LiteLLM configuration, as it is read without asking LiteLLM."""
    (tmp_path / "litellm-config.yaml").write_text(text)
    return chains.load(tmp_path / "litellm-config.yaml")


async def test_deployments_are_mocks_without_permission(tmp_path: Path) -> None:
    """As in a run, whatever their addresses; their keys are shown."""
    async with vendor(well(provider())) as here:
        found = await asked(configuration(tmp_path), {**ENVIRON, "OUR_BASE": here.url})
    assert [(each.real, each.status) for each in found.providers] == [(False, Status.PASS)] * 5
    assert [each.key for each in found.providers] == ["sk-…xyz", "sk-…xyz", None, None, None]
    assert found.providers[2].key_from == "ANTHROPIC_API_KEY"
    assert here.received == []


async def test_deployments_are_asked_where_they_are(tmp_path: Path) -> None:
    """With their own keys and headers: the same question once; a login that is no key is not tried."""
    claude = provider("anthropic")
    environ = {**ENVIRON, "ANTHROPIC_API_KEY": KEY}
    async with vendor(well(provider())) as here, vendor(well(claude)) as there, vendor(always(403, {})) as aws:
        environ |= {"OUR_BASE": f"{here.url}/v1", "CLAUDE_BASE": there.url, "AWS_BASE": aws.url}
        found = await asked(configuration(tmp_path), environ, allow_real=True)
    eu, us, claude_found, bedrock, fixed = found.providers
    assert [each.status for each in (eu, us, claude_found, fixed)] == [Status.PASS] * 4
    assert (eu.key_accepted, us.key_accepted, claude_found.key_accepted) == (True, True, True)
    assert here.asked == ["GET /v1/models"] * 2
    assert {call.headers["x-team"] for call in there.received} == {"chaos"}
    assert (bedrock.status, bedrock.reachable, bedrock.key_accepted) == (Status.INCONCLUSIVE, True, None)
    assert bedrock.problem.startswith("it answers, but its key is a login by aws_access_key_id")
    assert [call.headers.get("authorization") for call in aws.received] == [None]
    assert not fixed.real


async def test_deployments_without_an_address_or_a_key(tmp_path: Path) -> None:
    """Each lack has its name; none is asked."""
    text = """
model_list:
  - {model_name: chat, model_info: {id: unset}, litellm_params: {model: openai/gpt-4, api_key: os.environ/NOBODY}}
  - {model_name: chat, model_info: {id: base}, litellm_params: {model: azure/gpt-4, api_base: os.environ/NOWHERE, api_key: k}}
  - {model_name: chat, model_info: {id: azure}, litellm_params: {model: azure/gpt-4, api_key: k}}
  - {model_name: chat, model_info: {id: clear}, litellm_params: {model: openai/gpt-4, api_base: "http://vllm.internal/v1", api_key: k}}
  - {model_name: chat, model_info: {id: aws}, litellm_params: {model: bedrock/amazon.nova-pro-v1:0, api_key: k}}
"""
    found = {each.name: each for each in (await asked(configuration(tmp_path, text), allow_real=True)).providers}
    assert found["unset"].problem == "the environment variable NOBODY is not set"
    assert found["base"].problem == "the environment variable NOWHERE is not set"
    assert found["azure"].problem == "the harness knows no address of azure"
    assert found["clear"].problem.startswith("keys and prompts would cross the network in the clear")
    assert found["aws"].problem == "its address needs aws_region_name"
    assert [found[name].status for name in ("unset", "base", "azure", "clear", "aws")] == [
        *[Status.FAIL] * 2,
        *[Status.INCONCLUSIVE] * 3,
    ]
    stored = await asked(
        configuration(tmp_path, text + "general_settings: {key_management_system: aws_secret_manager}\n"),
        allow_real=True,
    )
    assert stored.providers[0].status == Status.INCONCLUSIVE
    assert "secret store (aws_secret_manager)" in stored.providers[0].problem


def test_a_key_may_be_sent_to_every_vendors_own_address() -> None:
    """Over TLS, or on this machine."""
    compatible = DIALECTS["openai-compatible"].of_vendor
    assert compatible is not None
    declared = [*DIALECTS.own.values(), *map(compatible, VENDORS)]
    homes = [dialect.litellm.home for dialect in declared if dialect.litellm is not None and dialect.litellm.home]
    assert len(homes) > len(VENDORS)
    for home in homes:
        address = parse(home.replace("{aws_region_name}", "us-east-1"))
        assert address.tls or address.loopback


async def test_price_and_context_window_come_from_the_list() -> None:
    """Of LiteLLM; a provider that it does not have has neither."""
    known, unknown = provider("openai", model="gpt-4"), provider("openai", model="ours-7b")
    stated = replace(known, context_window=4000)
    found = await asked(chain(providers={"known": known, "unknown": unknown, "stated": stated}))
    assert [each.context_window for each in found.providers] == [8192, None, 4000]


async def test_a_chain_file_s_headers_and_version_go_along() -> None:
    """A gateway may refuse a call without them; Azure has no other version than its own."""
    async with vendor(always(400, {"error": {"code": "invalid_request_error"}})) as here:
        spec = upstream(here.url, "azure", headers={"X-Team": "chaos"}, api_version="2030-01-01")
        assert (await examined(spec)).key_accepted
    (call,) = here.received
    assert call.headers["x-team"] == "chaos"
    assert call.path.endswith("?api-version=2030-01-01")
