"""The finding `prompt_cache_lost`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.chain import Price
from harness.judge.findings import CheckResult
from harness.judge.result import Status
from harness.scenario import Plan
from tests.judge.histories import OUTAGE, Book, Try, fails, look, mixed, plan_of

PRICE = Price(input=2.0, output=8.0, cache_read=0.5)


def paid(at: str, cached: int | None, tokens: int = 3000) -> Try:
    """Return a success for which a prompt of 3,000 tokens was paid, so many of them from the cache."""
    return Try(at=at, more={"tokens_in": tokens, "cached_tokens": cached})


def plan(*, outage: bool = True, price: Price | None = PRICE) -> Plan:
    """Return a plan whose providers have prices."""
    made = plan_of(faults=[OUTAGE] if outage else [])
    providers = {name: replace(provider, price=price) for name, provider in made.chain.providers.items()}
    return replace(made, chain=replace(made.chain, providers=providers))


def found_in(book: Book, **options: Any) -> CheckResult:
    """Return what is found."""
    return look("prompt_cache_lost", book.run(plan(**options)))


def test_fallbacks_in_an_outage_are_its_price_and_late_ones_are_not() -> None:
    """OpenAI has 2,944 of 3,000 tokens. Two requests pay for them in the outage; one after it, and one from Azure's own cache."""
    book = Book()
    book.request(1, paid("openai", 0))
    book.request(2, paid("openai", 2944))
    first = book.request(11, fails(at="openai"), paid("azure", 0))
    second = book.request(12, paid("anthropic", None))
    book.request(13, paid("azure", 2944))
    third = book.request(41, paid("anthropic", None))
    book.request(42, paid("openai", 2944))
    found = found_in(book)
    assert (found.status, found.count, found.samples) == (Status.FAIL, 3, 5)
    assert found.requests == (first, second, third)
    assert "8,832 tokens that openai had, a discount of $0.0132" in found.message
    assert "2 attempts while openai failed or was under a fault, which is the price of the outage" in found.message
    assert "1 attempt after it was healthy again" in found.message


def test_a_shuffle_pays_for_no_outage() -> None:
    """Nothing was wrong with the provider that had the prompt."""
    book = Book()
    for at_s, one in enumerate((paid("openai", 0), paid("openai", 2944), paid("azure", 0), paid("azure", 2944))):
        book.request(at_s, one)
    found = found_in(book, outage=False)
    assert (found.count, found.requests) == (1, ("req-000003",))
    assert found.message.endswith("1 attempt although no fault had been there")


def test_what_is_no_loss() -> None:
    """Azure had the prompt too; the provider with the cache was last used five minutes before; a failed attempt costs nothing."""
    book = Book()
    book.request(1, paid("openai", 2944))
    book.request(2, paid("azure", 2944))
    book.request(3, paid("openai", 2944), fails(at="azure"))
    book.request(310, paid("azure", 0), phase="recovery")
    found = found_in(book)
    assert (found.status, found.count, found.samples) == (Status.PASS, 0, 2)


def test_without_cached_tokens_there_is_nothing_to_lose() -> None:
    """Short prompts, or vendors that report none; and runs of earlier versions, which lack the column."""
    book = Book()
    book.request(1, paid("openai", 0))
    book.request(2, Try(at="azure"))
    assert found_in(book).status is Status.INCONCLUSIVE


def test_without_a_price_tokens_alone_are_counted() -> None:
    """Nothing is said in USD."""
    book = Book()
    book.request(1, paid("openai", 2944))
    book.request(2, paid("azure", 0))
    found = found_in(book, price=None)
    assert "2,944 tokens that openai had; " in found.message


def test_other_prompts_are_no_evidence() -> None:
    """The cache holds the prompt of one part of the mix; the other part has another one."""
    book = Book()
    book.request(1, paid("openai", 2944))
    book.request(2, paid("openai", 2944))
    book.request(3, paid("azure", 0))
    of_mix = mixed(plan(), book, [0, 0, 1], kinds=("chat", "chat"))
    assert look("prompt_cache_lost", book.run(of_mix)).status is Status.PASS


def test_turns_of_a_conversation() -> None:
    """Its own turns are warm where they were answered; elsewhere only what all conversations begin with."""
    book = Book()
    book.request(1, paid("openai", 2944), kind="conversation")
    book.request(2, paid("openai", 4992, 5000), kind="conversation")
    book.request(3, paid("openai", 2944), kind="conversation")
    moved = book.request(4, paid("azure", 0, 5000), kind="conversation")
    book.request(5, paid("azure", 2944), kind="conversation")
    book.request(6, paid("azure", 4992, 5000), kind="conversation")
    after = {"req-000002": "req-000001", "req-000004": "req-000003", "req-000006": "req-000005"}
    of_mix = mixed(plan(outage=False), book, [0] * 6, kinds=("conversation",), after=after)
    found = look("prompt_cache_lost", book.run(of_mix))
    assert found.requests == (moved,)
    assert "4,992 tokens" in found.message
