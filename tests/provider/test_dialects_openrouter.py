"""OpenRouter's own: comments, the host behind it, errors inside streams."""

from harness.provider.answer import Refusal
from harness.provider.dialects import DIALECTS
from harness.provider.limit import Level, Quota
from harness.quantities import S
from tests.provider.exchange import ATTEMPT, CALL, ask, data_of, headers, refuse, said, sends, sent, split

OPENROUTER = DIALECTS["openrouter"]


def test_every_answer_names_its_host() -> None:
    """In whole answers and in events; its ids are generations."""
    plain, events = said(ask("openrouter")), list(data_of(split(sent(ask("openrouter", stream=True)))))
    assert all(data["provider"] for data in (plain, *events))
    assert plain["id"] == headers(ask("openrouter"))["x-generation-id"]
    assert plain["id"].startswith("gen-")


def test_a_stream_begins_with_a_comment_and_ends_with_its_usage() -> None:
    """Clients that parse every line stumble over the one; nobody has to ask for the other."""
    answer = ask("openrouter", {"tokens": 3}, stream=True)
    assert sent(answer).startswith(b": OPENROUTER PROCESSING\n\n")
    assert [send.part for send in sends(answer)][-3:] == ["finish", "usage", "done"]
    assert next(data_of([sends(answer)[-2].data]))["usage"]["total_tokens"] == 13


def test_an_error_in_a_stream_is_an_ordinary_chunk() -> None:
    """The status was 200; the error is beside a choice that ended in one."""
    event = next(data_of([OPENROUTER.error_event(Refusal(CALL, ATTEMPT, problem="overloaded"))]))
    assert event["error"]["code"] == 502
    assert event["choices"][0]["finish_reason"] == "error"
    assert event["object"] == "chat.completion.chunk"


def test_what_its_hosts_say_is_passed_on() -> None:
    """A failure at a host has the host's words among its metadata, one of its own has none."""
    assert said(refuse("openrouter", "rate_limit"))["error"]["metadata"]["raw"].startswith("gpt-4 is")
    assert said(refuse("openrouter", "content_filter"))["error"]["metadata"]["model_slug"] == "gpt-4"
    assert "metadata" not in said(refuse("openrouter", "quota"))["error"]


def test_a_filtered_answer_says_so_in_both_words() -> None:
    """Its own and the host's."""
    finish = next(send.data for send in sends(ask("openrouter", stream=True)) if send.part == "finish")
    choice = next(data_of([OPENROUTER.filtered(finish)]))["choices"][0]
    assert (choice["finish_reason"], choice["native_finish_reason"]) == ("content_filter", "content_filter")


def test_the_limit_of_requests_is_sent() -> None:
    """It is full again at a time, in milliseconds; tokens have no header."""
    told = OPENROUTER.quota_headers(Quota(Level(60, 59, S), Level(1, 1, 1)), 2 * S)
    assert dict(told) == {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "59", "x-ratelimit-reset": "3000"}
    assert OPENROUTER.quota_headers(Quota(tokens=Level(1, 1, 1)), 0) == ()
