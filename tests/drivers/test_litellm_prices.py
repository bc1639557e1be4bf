"""What providers take, by LiteLLM's list."""

from __future__ import annotations

import subprocess
import sys

import pytest

from harness.chain import Chain, Provider
from harness.drivers.litellm_prices import priced
from harness.provider.spec import Price


def chain(**fields: object) -> Chain:
    """Return a chain of one provider."""
    provider = Provider(**fields)  # type: ignore[arg-type]
    return Chain(name="c", driver="litellm-router", providers={"a": provider}, order=("a",))


@pytest.mark.parametrize(
    ("dialect", "model", "price"),
    [
        ("openai", "gpt-4", Price(input=30, output=60)),
        ("azure", "gpt-4", Price(input=30, output=60)),
        ("anthropic", "claude-sonnet-4-5", Price(input=3, output=15)),
        ("gemini", "gemini-2.5-flash", Price(input=0.3, output=2.5)),
        ("deepseek", "deepseek-chat", Price(input=0.28, output=0.42)),
        ("openai", "our-own-model", None),
        ("azure", "gemini-2.5-flash", None),
    ],
)
def test_a_price_is_per_million_tokens(dialect: str, model: str, price: Price | None) -> None:
    """Each dialect's models are found under the name that LiteLLM gives them; an unknown one has no price."""
    assert priced(chain(dialect=dialect, model=model)).providers["a"].price == price


def test_a_stated_price_stays() -> None:
    """What people write is what they pay."""
    stated = Price(input=1, output=2)

    assert priced(chain(dialect="openai", model="gpt-4", price=stated)).providers["a"].price == stated


def test_litellm_is_not_imported() -> None:
    """It would take seconds before a run even begins."""
    program = (
        "import sys; from harness.chain import Chain, Provider; from harness.drivers.litellm_prices import priced;"
        "c = Chain(name='c', driver='litellm-router', order=('a',),"
        " providers={'a': Provider(dialect='openai', model='gpt-4')});"
        "assert priced(c).providers['a'].price; assert 'litellm' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
