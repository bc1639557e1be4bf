"""Chain files that are wrong."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from harness.chain import load
from harness.chain.driver import DRIVERS
from harness.chain.home import ChainHome
from harness.errors import SeveralErrors, UsageError
from harness.provider.dialects import DIALECTS

HOSTED = """\
name: c
driver: litellm-router
providers:
  a: {dialect: openai, model: gpt-4}
order: [a]
"""
GATEWAY = """\
name: c
driver: endpoint
providers:
  a: {dialect: openai, model: gpt-4}
order: [a]
endpoint:
  base_url: http://127.0.0.1:8787/v1
  model: gpt-4
"""

SDK = HOSTED.replace("litellm-router", "openai-sdk")
CONFIGURED = """\
name: c
driver: litellm-router
config: litellm.yaml
"""
CONFIG = """\
model_list:
- model_name: a
  litellm_params: {model: gpt-4}
"""

REAL = "upstream: 'https://h/v1', api_key: env/K"


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        (HOSTED + "retry: {on: [rate_limit, connection]}", ":6: retry.on", "cannot tell a failed connection"),
        (HOSTED + "peers: [[a]]", ":6: peers", "unknown key"),
        (HOSTED + "policy: {hedge: 1s}", ":6: policy.hedge", "`hedge:` goes with `driver: reference`"),
        (HOSTED + "fallback: {on: [timeout]}", ":6: fallback.on", "`on:` goes with `driver:"),
        (HOSTED + "fallback: {content_policy: [b]}", ":6: fallback.content_policy[0]", "unknown provider 'b'"),
        (HOSTED + "chains: {b: [a]}", ":6: chains.b", "unknown provider 'b'"),
        (HOSTED + "chains: {a: [a]}", ":6: chains.a[0]", "in the order twice"),
        (SDK.replace("gpt-4}", "gpt-4, headers: {a: b}}"), ":4: providers.a.headers", "`headers:` goes with"),
        (HOSTED.replace("gpt-4}", "gpt-4, enabled: false}"), ":5: order", "every provider of the order is disabled"),
        (
            HOSTED.replace("litellm-router", "reference") + "policy: {fallback_wait: {min: 1s}}",
            ":6: policy.fallback_wait",
            "min is longer than max",
        ),
        (HOSTED.replace("a]", "b]"), ":5: order[0]", "unknown provider 'b'"),
        (HOSTED.replace("a:", "primary:"), ":4: providers.primary", "is a role"),
        (HOSTED.replace("litellm-router", "endpoint"), ":2: driver", "`endpoint:` goes with"),
        (HOSTED + "workers: 2", ":6: workers", "goes with `driver: litellm-proxy`"),
        (HOSTED.replace("litellm-router", "reference") + "answers: [cache]", ":6: answers", "`answers:` goes with"),
        (HOSTED + "answers: [guess]", ":6: answers[0]", "unknown value 'guess'"),
        (CONFIGURED + "workers: 2", ":4: workers", "goes with `driver: litellm-proxy`"),
        (CONFIGURED + "order: [a]", ":4: order", "unknown key 'order'"),
        (CONFIGURED.replace("litellm.y", "none.y"), ":3: config", "no such file: 'none.yaml'"),
        (CONFIGURED.replace("litellm.y", "chain.y"), ":3: config", "not a LiteLLM configuration"),
        (GATEWAY, ":4: providers.a.listen", "missing"),
        (GATEWAY + '  command: [run, "{b.base_url}"]', ":9: endpoint.command[1]", "unknown provider 'b'"),
        (
            HOSTED.replace("4}", "4, upstream: 'api.openai.com'}"),
            ":4: providers.a.upstream",
            "expected an https address",
        ),
        (
            HOSTED.replace("4}", "4, upstream: 'http://api.openai.com'}"),
            ":4: providers.a.upstream",
            "only https leaves",
        ),
        (HOSTED.replace("4}", "4, upstream: 'https://me:pw@h/v1'}"), ":4: providers.a.upstream", "no password"),
        (HOSTED.replace("4}", "4, upstream: 'https://h/v1?key=k'}"), ":4: providers.a.upstream", "no password, query"),
        (HOSTED.replace("4}", "4, upstream: 'https://h:0x/v1'}"), ":4: providers.a.upstream", "expected a port"),
        (
            HOSTED.replace("4}", f"4, listen: '0.0.0.0:18791', {REAL}}}"),
            ":4: providers.a.listen",
            "other machines could call the real provider at 0.0.0.0:18791",
        ),
        (HOSTED.replace("4}", f"4, listen: '[::]:18791', {REAL}}}"), ":4: providers.a.listen", "with your key"),
        (HOSTED.replace("4}", f"4, listen: 'gateway.lan:1', {REAL}}}"), ":4: providers.a.listen", "with your key"),
        (GATEWAY.replace("http:", "ftp:"), ":7: endpoint.base_url", "expected an http address"),
        (GATEWAY.replace("http://", ""), ":7: endpoint.base_url", "expected an http address"),
        (GATEWAY.replace("8787", "99999"), ":7: endpoint.base_url", "expected a port"),
        (GATEWAY.replace("8787", "0"), ":7: endpoint.base_url", "expected a port"),
        (GATEWAY.replace("/v1", "/v1/chat/completions"), ":7: endpoint.base_url", "no more than the beginning"),
        (GATEWAY.replace("/v1", "/v1?team=chaos"), ":7: endpoint.base_url", "a query or fragment"),
        (GATEWAY + '  headers: {"x team": chaos}', ":9: endpoint.headers.x team", "cannot be sent"),
        (GATEWAY + '  headers: {x-team: "two\\nlines"}', ":9: endpoint.headers.x-team", "cannot be sent"),
        (
            GATEWAY + "  api_key: env/K\n  headers: {Authorization: x}",
            ":10: endpoint.headers.Authorization",
            "given twice",
        ),
        (GATEWAY.replace("4}", "4, listen: '127.0.0.1:8787'}"), ":4: providers.a.listen", "the gateway's own address"),
        (
            GATEWAY.replace("4}", "4, listen: 'h:1'}\n  b: {dialect: openai, model: gpt-4, listen: 'h:1'}"),
            ":5: providers.b.listen",
            "h:1 is a's too",
        ),
        (HOSTED.replace("litellm-router", "litelm-router"), ":2: driver", "unknown driver 'litelm-router'"),
        (HOSTED.replace("openai,", "opnai,"), ":4: providers.a.dialect", "unknown dialect 'opnai'"),
        (CONFIGURED.replace("litellm-router", "reference"), ":2: driver", "reads no configuration of its own"),
        (CONFIGURED.replace("litellm-router", "litelm"), ":2: driver", "unknown driver 'litelm'"),
        (SDK.replace("openai,", "gemini,"), ":4: providers.a.dialect", "does not speak gemini"),
        (SDK + "retry: {on: [timeout]}", ":6: retry.on", "tries all kinds"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, where: str, problem: str) -> None:
    """Before anything starts: file, line, field and what is wrong."""
    path = tmp_path / "chain.yaml"
    path.write_text(text, "utf-8")
    (tmp_path / "litellm.yaml").write_text(CONFIG, "utf-8")

    with pytest.raises(UsageError) as caught:
        load(path)

    assert caught.value.where == f"{path}{where}"
    assert problem in caught.value.problem


@pytest.mark.parametrize(
    "text",
    [
        HOSTED.replace("4}", "4, upstream: 'https://api.openai.com/v1', api_key: env/OPENAI_API_KEY}"),
        HOSTED.replace("4}", f"4, listen: '0.0.0.0:18791', public: true, {REAL}}}"),
        HOSTED.replace("4}", f"4, listen: '[::1]:18791', {REAL}}}"),
        HOSTED.replace("4}", "4, listen: '0.0.0.0:18791'}"),
        HOSTED.replace("4}", "4, upstream: 'http://[::1]:8080'}"),
        HOSTED,
        HOSTED + "answers: [cache, canned, rewrites]",
        SDK + "\nanswers: [canned]",
        SDK,
        GATEWAY + '  command: [run, "{a.base_url}/v1", "{}"]',
        GATEWAY.replace("4}", "4, listen: 'h:1'}"),
    ],
)
def test_a_right_one_is_a_chain(tmp_path: Path, text: str) -> None:
    """A gateway is started with addresses filled in, or runs already and calls fixed ones."""
    path = tmp_path / "chain.yaml"
    path.write_text(text, "utf-8")

    assert load(path).order == ("a",)


def test_a_configuration_is_hosted_by_its_chain_file(tmp_path: Path) -> None:
    """Providers and order follow from the configuration beside it; how it is hosted does not."""
    (tmp_path / "litellm.yaml").write_text(CONFIG, "utf-8")
    path = tmp_path / "chain.yaml"
    path.write_text(CONFIGURED.replace("-router", "-proxy") + "workers: 3\nmax_cost: 2", "utf-8")

    chain = load(path, model="a")

    assert (chain.name, chain.driver, chain.workers, chain.max_cost) == ("c", "litellm-proxy", 3, 2)
    assert (chain.order, chain.model) == (("a",), "a")
    assert chain.litellm == {"model_list": [{"model_name": "a", "litellm_params": {"model": "gpt-4"}}]}


@pytest.mark.parametrize(
    ("text", "known", "hint"),
    [
        (HOSTED.replace("openai,", "opnai,"), DIALECTS.own, "did you mean 'openai'?"),
        (HOSTED.replace("litellm-router", "litellm-roter"), DRIVERS.own, "did you mean 'litellm-router'?"),
        (CONFIGURED.replace("litellm-router", "reference"), ("litellm-router", "litellm-proxy"), None),
    ],
)
def test_a_name_that_nobody_declares_gets_those_that_are(
    tmp_path: Path, text: str, known: Iterable[str], hint: str | None
) -> None:
    """And the one that is likely to be meant."""
    path = tmp_path / "chain.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError) as caught:
        load(path)
    assert caught.value.known == ", ".join(known)
    assert caught.value.hint == hint


def test_all_mistakes_of_a_chain_are_reported(tmp_path: Path) -> None:
    """Names, addresses and the driver's keys at once."""
    path = tmp_path / "chain.yaml"
    path.write_text(
        "name: c\ndriver: reference\nworkers: 2\n"
        "providers:\n  primary: {dialect: openai, model: m}\n  b: {dialect: opnai, model: m, listen: here}\n"
        "order: [primary, c, primary]\n"
    )
    with pytest.raises(SeveralErrors) as caught:
        load(path)
    told = [str(error).removeprefix(f"{path}:").split("\n", 1)[0] for error in caught.value.errors]
    assert told == [
        "5: providers.primary: 'primary' is a role and cannot name a provider",
        "7: order[1]: unknown provider 'c'",
        "7: order[2]: provider 'primary' is in the order twice",
        "6: providers.b.dialect: unknown dialect 'opnai'",
        "6: providers.b.listen: expected host:port, found 'here'",
        "3: workers: `workers:` goes with `driver: litellm-proxy`",
    ]


THREE = """\
name: c
driver: reference
providers:
  a: {dialect: openai, model: gpt-4}
  b: {dialect: openai, model: gpt-4, enabled: false}
  c: {dialect: openai, model: gpt-4}
order: [a, b, c]
chains: {b: [c], c: [b, a]}
fallback: {content_policy: [b, c]}
"""


def test_a_disabled_provider_is_nowhere(tmp_path: Path) -> None:
    """Neither in the order nor in a list, and the chain says so."""
    path = tmp_path / "chain.yaml"
    path.write_text(THREE, "utf-8")
    chain = load(path)
    assert (tuple(chain.providers), chain.order) == (("a", "c"), ("a", "c"))
    assert chain.chains == {"c": ("a",)}
    assert chain.fallback is not None
    assert chain.fallback.content_policy == ("c",)
    assert chain.left_out == {"are disabled": ("b",)}


def test_a_model_chooses_its_chain(tmp_path: Path) -> None:
    """The provider that is asked for comes first, and the file's order is then the chain of its own first."""
    path = tmp_path / "chain.yaml"
    path.write_text(THREE, "utf-8")
    chain = load(path, model="c")
    assert (chain.order, chain.entry_model) == (("c", "a"), "c")
    assert chain.chains["a"] == ("c",)
    assert load(path, model="a").order == ("a", "c")
    with pytest.raises(UsageError, match="no chain begins with 'x'"):
        load(path, model="x")


def test_the_command_line_may_name_the_model_of_a_chain(tmp_path: Path) -> None:
    """As it does for a LiteLLM configuration; a chain file without `chains` has nothing to choose from."""
    path = tmp_path / "chain.yaml"
    path.write_text(THREE, "utf-8")
    home = ChainHome(model="c")
    assert home.of(load(path, model="c")).order == ("c", "a")
    path.write_text(THREE.replace("chains:", "#"), "utf-8")
    with pytest.raises(UsageError, match="nor a chain file with `chains`"):
        home.of(load(path, model="c"))
