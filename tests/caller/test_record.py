from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from harness.caller.answer import Reading
from harness.caller.record import ERROR_CHARS, TEXT_CHARS, record
from harness.history import RequestRecord
from harness.provider.kinds import Kind
from harness.scenario.mix import MixPart
from harness.store import encode


@dataclass
class Ended:
    """A request whose answer has come."""

    request_id: str = "req-000001"
    phase: str = "probe"
    scheduled_ns: int = 0
    streaming: bool = False
    caller: str | None = None
    status: int | None = 200
    first_token_ns: int | None = None


def recorded(
    reading: Reading, *, kind: Kind = "chat", keep_text: bool = True, secrets: frozenset[str] = frozenset()
) -> RequestRecord:
    """Return the record of such a request."""
    ended, part = Ended(), MixPart(share=1.0, kind=kind)
    options: dict[str, Any] = {"keep_text": keep_text, "secrets": secrets, "prompt": None, "kind": part}
    return record(ended, ended, reading, start_ns=0, end_ns=1, left=False, **options)


def test_vectors_of_one_attempt_have_one_source() -> None:
    """Each of them names it; a text that names its attempt twice has come twice."""
    text = "<<req-000001.a.1>>0 <<req-000001.a.1>>1 <<req-000001.b.1>>2"
    assert recorded(Reading(outcome="ok", text=text), kind="embeddings").sources == ("req-000001.a.1", "req-000001.b.1")
    assert len(recorded(Reading(outcome="ok", text=text)).sources) == 3


def test_a_text_is_kept_only_where_the_load_keeps_texts() -> None:
    """Its length and hash are kept always."""
    kept = recorded(Reading(outcome="ok", text="hello"))
    lost = recorded(Reading(outcome="ok", text="hello"), keep_text=False)
    assert (kept.text, lost.text) == ("hello", None)
    assert (kept.text_chars, kept.text_sha256) == (lost.text_chars, lost.text_sha256)
    assert recorded(Reading(outcome="error")).text is None


def test_a_long_text_is_cut_after_its_secrets_are_hidden() -> None:
    """Half a secret at the cut would not be found."""
    text = "a" * (TEXT_CHARS - 5) + " hunter2hunter2 and more"
    kept = recorded(Reading(outcome="ok", text=text), secrets=frozenset({"hunter2hunter2"}))
    assert kept.text is not None
    assert len(kept.text) == TEXT_CHARS + 1
    assert kept.text.endswith(" (hid…")
    assert kept.text_chars == len(text)


@pytest.mark.parametrize("secret", ["sk-abcdefghijklmnop1234", "Bearer abc.def.ghi"])
def test_what_looks_like_a_secret_is_not_kept(secret: str) -> None:
    """A model may repeat what it was asked."""
    kept = recorded(Reading(outcome="ok", text=f"your key is {secret}!"))
    assert kept.text is not None
    assert secret not in kept.text


def test_half_a_character_can_be_written() -> None:
    """JSON may hold one, a file may not: neither an answer nor an error may end the run by it."""
    kept = recorded(Reading(outcome="ok", text="a\ud800b", error="c\ud800d"))
    assert (kept.text, kept.error) == ("a?b", "c?d")
    assert encode(kept)
    assert ERROR_CHARS < TEXT_CHARS
