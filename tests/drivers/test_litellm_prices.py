"""What providers take, by LiteLLM's list."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.chain import Chain, Provider
from harness.chain.policy import Policy
from harness.drivers import litellm_prices
from harness.drivers.litellm_prices import priced
from harness.errors import UsageError
from harness.provider.spec import Price
from tests.interpreters import script


def chain(**fields: object) -> Chain:
    """Return a chain of one provider."""
    provider = Provider(**fields)  # type: ignore[arg-type]
    return Chain(name="c", driver="litellm-router", providers={"a": provider}, order=("a",))


@pytest.fixture
def no_litellm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take LiteLLM out of our own environment."""
    monkeypatch.setattr(litellm_prices, "find_spec", lambda _name: None)


@pytest.mark.parametrize(
    ("dialect", "model", "price"),
    [
        ("openai", "gpt-4", Price(input=30, output=60, cache_read=15, cache_write=30)),
        ("azure", "gpt-4", Price(input=30, output=60, cache_read=15, cache_write=30)),
        ("anthropic", "claude-sonnet-4-5", Price(input=3, output=15, cache_read=0.3, cache_write=3.75)),
        ("gemini", "gemini-2.5-flash", Price(input=0.3, output=2.5, cache_read=0.03, cache_write=0.3)),
        ("deepseek", "deepseek-chat", Price(input=0.28, output=0.42, cache_read=0.028, cache_write=0.28)),
        (
            "bedrock",
            "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
            Price(input=3.3, output=16.5, cache_read=0.33, cache_write=4.125),
        ),
        ("openai", "gpt-4.1-mini", Price(input=0.4, output=1.6, cache_read=0.1, cache_write=0.4)),
        ("openai", "our-own-model", None),
        ("azure", "gemini-2.5-flash", None),
    ],
)
def test_a_price_is_per_million_tokens(dialect: str, model: str, price: Price | None) -> None:
    """Each dialect's models are found under the name that LiteLLM gives them; an unknown one has no price.

    Cached tokens cost what the list says, else what is usual at the vendor.
    """
    assert priced(chain(dialect=dialect, model=model)).providers["a"].price == price


def test_a_stated_price_stays() -> None:
    """What people write is what they pay; for cached tokens they may leave it to the vendor's usual share."""
    stated = Price(input=1, output=2, cache_read=0.3, cache_write=1.5)
    assert priced(chain(dialect="openai", model="gpt-4", price=stated)).providers["a"].price == stated

    usual = priced(chain(dialect="anthropic", model="claude-x", price=Price(input=1, output=2))).providers["a"].price
    assert usual == Price(input=1, output=2, cache_read=0.1, cache_write=1.25)
    without = Price(input=1, output=2)
    assert priced(chain(dialect="ollama", model="x", price=without)).providers["a"].price == without


def test_litellm_is_not_imported() -> None:
    """It would take seconds before a run even begins."""
    program = (
        "import sys; from harness.chain import Chain, Provider; from harness.drivers.litellm_prices import priced;"
        "c = Chain(name='c', driver='litellm-router', order=('a',),"
        " providers={'a': Provider(dialect='openai', model='gpt-4')});"
        "assert priced(c).providers['a'].price; assert 'litellm' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.usefixtures("no_litellm")
def test_without_litellm_only_stated_prices_are_known() -> None:
    """Its list is part of it."""
    stated = Price(input=1, output=2, cache_read=0.5, cache_write=1)

    assert priced(chain(dialect="openai", model="gpt-4")).providers["a"].price is None
    assert priced(chain(dialect="openai", model="gpt-4", price=stated)).providers["a"].price == stated


@pytest.mark.usefixtures("no_litellm")
@pytest.mark.parametrize("has_a_list", [True, False])
def test_the_chain_s_own_litellm_has_prices_too(bare_python: str, tmp_path: Path, *, has_a_list: bool) -> None:
    """Where ours is not installed; a version that keeps its list elsewhere has none for us."""
    package = tmp_path / "litellm"
    package.mkdir()
    (package / "__init__.py").touch()
    if has_a_list:
        prices = {"gpt-4": {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}}
        (package / "model_prices_and_context_window_backup.json").write_text(json.dumps(prices), "utf-8")
    python = script(tmp_path / "python", f'PYTHONPATH={tmp_path} exec {bare_python} "$@"')
    found = priced(replace(chain(dialect="openai", model="gpt-4"), python=python))

    assert found.providers["a"].price == (
        Price(input=1, output=2, cache_read=0.5, cache_write=1) if has_a_list else None
    )


def test_a_limit_of_a_request_s_cost_needs_prices() -> None:
    """A provider without a known price would never be skipped."""
    limited = replace(chain(dialect="openai", model="our-own-model"), driver="reference", policy=Policy(max_cost=0.1))
    with pytest.raises(UsageError, match=r"the price of 'our-own-model' is not known, so `policy.max_cost`") as caught:
        priced(limited)

    assert caught.value.where == "providers.a.price"
