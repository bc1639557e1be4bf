"""What a provider's answer to `harness doctor` means: for its key, its address and its models."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from harness.chain.scrub import scrub
from harness.edge.asking import VendorAnswer
from harness.http_rules import is_success
from harness.provider.answer import Call, Problem, Refusal
from harness.provider.dialects import Dialect, common, wire
from harness.provider.reply import Head

_QUOTED_MAX = 160
_OF_A_BODY = (400, 422)
_CALL = Call(model="doctor")
_OF_A_KEY: tuple[Problem, ...] = ("auth", "permission", "quota", "spend_limit", "rate_limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorRefusal:
    """Why a provider's answer is none.

    Attributes:
        problem: In a few words, of which the provider is the subject.
        hint: What to do about it.
        key_accepted: Whether it accepts the key; None if the answer does not show it.
    """

    problem: str
    hint: str
    key_accepted: bool | None = None


def refusal(
    dialect: Dialect, answer: VendorAnswer, secrets: frozenset[str], *, key: str, empty: bool = False
) -> VendorRefusal | None:
    """Return why an answer is none, whatever was asked; None where it is one, or only what was asked was wrong.

    Args:
        dialect: The provider's.
        answer: Its answer.
        secrets: What no message may hold.
        key: Where the key is from, in words; empty if there is none.
        empty: An empty request was sent, which is to be refused.
    """
    status = answer.status
    if empty and status in _OF_A_BODY and not is_page(answer):
        return None
    if 300 <= status < 400:
        target = urlsplit(answer.header("location"))
        where = f"to {target.scheme}://{target.hostname}" if target.hostname else "elsewhere"
        hint = "the key would go along, so it is not followed: if you trust that address, write it as the provider's"
        return VendorRefusal(problem=f"it redirects {where} ({status})", hint=hint)
    if is_page(answer):
        hint = "is this the address of the API? A login page, a firewall or a gateway may answer in its place"
        return VendorRefusal(problem=f"it answers with a web page ({status}), not with JSON", hint=hint)
    if is_success(status):
        return _error_in_success(answer, secrets)
    quoted = _quoted(answer, secrets)
    named = _problem(dialect, answer)
    if named == "auth" or (named == "permission" and not key):
        hint = (
            f"is {key} the provider's own key, and is it still valid?" if key else "it needs a key, and none was sent"
        )
        return VendorRefusal(
            problem=f"it refuses {'the key' if key else 'calls without a key'} ({status}){quoted}",
            hint=hint,
            key_accepted=False,
        )
    if named == "permission":
        hint = "does the key's account, project or region have the right, and is this machine's network allowed?"
        return VendorRefusal(
            problem=f"it knows the key but forbids the call ({status}){quoted}",
            hint=hint,
            key_accepted=True,
        )
    if named in ("quota", "spend_limit", "rate_limit"):
        hint = "try again later, and see the account's limits and credit"
        return VendorRefusal(problem=f"it limits the key's calls ({status}){quoted}", hint=hint)
    if status == 407:
        return VendorRefusal(
            problem=f"a proxy before it wants a login ({status})",
            hint="the harness uses no proxy, and sends it no login",
        )
    if status >= 500 and status != 501 and not (empty and status == 500):
        return VendorRefusal(
            problem=f"it fails ({status}){quoted}", hint="see the provider's status page, or the log of the gateway"
        )
    return None


def is_page(answer: VendorAnswer) -> bool:
    """Return whether an answer is made for people."""
    return "html" in answer.header("content-type").lower() or answer.body.lstrip()[:1] == b"<"


def unread(answer: VendorAnswer, secrets: frozenset[str], what: str) -> VendorRefusal:
    """Return that an answer is not what it should be.

    Args:
        answer: Neither an error that `refusal` knows nor what was asked for.
        secrets: What no message may hold.
        what: What was asked for.
    """
    hint = "is this the provider's address, and its dialect?"
    if is_success(answer.status):
        return VendorRefusal(problem=f"it answers {answer.status}, but not with {what}", hint=hint)
    return VendorRefusal(
        problem=f"it answers {answer.status} when asked for {what}{_quoted(answer, secrets)}", hint=hint
    )


def refuses_body(dialect: Dialect, answer: VendorAnswer) -> bool:
    """Return whether an answer refuses an empty request for its body alone, so that its key was accepted before."""
    return answer.status in _OF_A_BODY and _declared(dialect, "auth")[0] != answer.status


def quoted(answer: VendorAnswer, secrets: frozenset[str]) -> str:
    """Return an answer's status with its own words, if it has any."""
    return f"{answer.status}{_quoted(answer, secrets)}"


def _error_in_success(answer: VendorAnswer, secrets: frozenset[str]) -> VendorRefusal | None:
    data = wire.as_object(wire.load(answer.body))
    if not data.get("error") and not data.get("errors"):
        return None
    hint = "a gateway that reports its errors as successes: chains take them for answers"
    return VendorRefusal(problem=f"it answers {answer.status}, but with an error{_quoted(answer, secrets)}", hint=hint)


def _quoted(answer: VendorAnswer, secrets: frozenset[str]) -> str:
    text = " ".join(scrub(wire.message_of(answer.body), secrets).split())
    if not text:
        return ""
    return f': "{text}"' if len(text) <= _QUOTED_MAX else f': "{text[:_QUOTED_MAX]}…"'


def _problem(dialect: Dialect, answer: VendorAnswer) -> Problem:
    """Return what is wrong, as the dialect's own errors have it, else as the status has it."""
    found = _signature(dialect, answer)
    return next((problem for problem in _OF_A_KEY if _declared(dialect, problem) == found), common.usual(answer.status))


def _signature(dialect: Dialect, answer: VendorAnswer) -> tuple[int, str | None]:
    """Return the status and the code of an error."""
    parsed = dialect.with_code(dialect.read_body(answer.status, answer.body), answer.headers)
    return answer.status, parsed.error_code


def _declared(dialect: Dialect, problem: Problem) -> tuple[int, str | None]:
    """Return the status and the code by which a dialect reports a problem."""
    answer = dialect.fail(Refusal(_CALL, "doctor", problem=problem))
    head = next(step for step in answer.reply if isinstance(step, Head))
    return head.status, answer.error_code
