"""Azure's own: deployments, its content filter, its delays."""

from harness.provider.answer import Delay
from harness.provider.dialects import DIALECTS
from harness.provider.limit import Level, Quota
from harness.provider.respond import parse
from harness.quantities import MS, S
from tests.provider.exchange import ask, body, data_of, headers, provider, refuse, said, sends, sent, split

AZURE = DIALECTS["azure"]


def test_the_address_names_the_model() -> None:
    """The deployment names the model, escaped or not; at the newer address the body names it."""
    spec = provider("azure")
    path = "/openai/deployments/my%20gpt/chat/completions?api-version=1"
    assert parse(spec, "POST", path, body("azure")).model == "my gpt"
    assert parse(spec, "POST", "/openai/v1/chat/completions", body("azure")).model == "gpt-4"
    assert parse(spec, "POST", "/openai/responses?api-version=1", body("responses")).api == "responses"


def test_every_answer_tells_what_the_filter_thinks() -> None:
    """Of the prompt first, then of each choice."""
    events = list(data_of(split(sent(ask("azure", stream=True)))))
    assert events[0]["choices"] == []
    assert events[0]["prompt_filter_results"]
    assert all(choice["content_filter_results"] for event in events for choice in event["choices"])
    plain = said(ask("azure"))
    assert plain["prompt_filter_results"]
    assert plain["choices"][0]["content_filter_results"]


def test_a_filtered_answer_names_what_was_caught() -> None:
    """In the prompt it is an error with the filter's results, in the answer a finish with them."""
    error = said(refuse("azure", "content_filter"))["error"]
    assert error["innererror"]["content_filter_result"]["violence"]["filtered"] is True
    assert error["status"] == 400
    finish = next(send.data for send in sends(ask("azure", stream=True)) if send.part == "finish")
    choice = next(data_of([AZURE.filtered(finish)]))["choices"][0]
    assert choice["finish_reason"] == "content_filter"
    assert choice["content_filter_results"]["violence"]["filtered"] is True


def test_headers_are_azures() -> None:
    """Its own request id and region, on answers and on errors, and only what is left of a limit."""
    for answer in (ask("azure"), refuse("azure", "rate_limit", delay=Delay(1500 * MS))):
        assert headers(answer)["apim-request-id"] == headers(answer)["x-request-id"]
        assert headers(answer)["x-ms-region"]
    told = AZURE.quota_headers(Quota(Level(60, 59, S), Level(10, 0, S)), 0)
    assert told == (("x-ratelimit-remaining-requests", "59"), ("x-ratelimit-remaining-tokens", "0"))


def test_its_words_tell_whole_seconds() -> None:
    """A delay that only the message has is rounded up with it."""
    answer = refuse("azure", "rate_limit", delay=Delay(1500 * MS, "body"))
    assert said(answer)["error"]["message"].endswith("Please retry after 2 seconds.")
    assert answer.retry_after_ns == 2 * S
