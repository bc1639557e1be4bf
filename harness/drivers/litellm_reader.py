"""Asks the LiteLLM of an interpreter what a configuration means there. A program of its own: it imports nothing of ours.

The question comes on standard input and the answer leaves on standard output, both as JSON; see `harness.chain.litellm_reading`.
Nothing leaves this machine: LiteLLM calls a server of this process, and every other connection is refused.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import random
import sys
import traceback
import warnings
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

MARK = "harness-reading:"
_SETTINGS = (bool, int, float, str, list, dict)
_SERVER_ERROR = "litellm.InternalServerError"
_FILTERED = "litellm.ContentPolicyViolationError"
_ERRORS = (_SERVER_ERROR, "litellm.ContextWindowExceededError", _FILTERED)
"""What every deployment fails with, as LiteLLM has a table of fallbacks for each."""
_FAILURES = {
    "500": "InternalServerError",
    "503": "ServiceUnavailableError",
    "429": "RateLimitError",
    "timeout": "Timeout",
    "401": "AuthenticationError",
    "400": "BadRequestError",
    "content_filter": "ContentPolicyViolationError",
}
"""LiteLLM's exceptions, by the failure that a request meets at every deployment."""
_COUNTED_S = 0.02
"""After which LiteLLM has counted a failure, which it does in a task of its own."""
_sleep = asyncio.sleep
_REQUESTS = 6
"""How many requests in a row tell whether a deployment that fails is left alone."""
_DRAWS = (0.0, 1 - 2**-53)
"""The ends of what `random.random` returns."""


def main() -> None:
    """Answer one question."""
    question = json.load(sys.stdin)
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    warnings.simplefilter("ignore")
    sys.addaudithook(_refuse_calls_out)
    traceback.format_exc = lambda *_args, **_options: ""  # LiteLLM logs it for every failure: most of the time it takes
    answer = asyncio.run(_answer(question))
    sys.stdout.write(f"\n{MARK}{json.dumps(answer)}\n")
    sys.stdout.flush()
    os._exit(0)  # LiteLLM's threads and clients need no end of their own


def _refuse_calls_out(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.getaddrinfo" and arguments[0] not in ("127.0.0.1", b"127.0.0.1"):
        raise ConnectionRefusedError("nothing is called but this process")
    if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] != "127.0.0.1":
        raise ConnectionRefusedError("nothing is called but this process")


def _module(name: str) -> Any:
    return import_module(name)


def _beside(name: str) -> Any:
    """Return the module of a file beside this one, which is on no path."""
    spec = spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_calls, _shapes = _beside("litellm_calls"), _beside("litellm_shapes")


async def _answer(question: dict[str, Any]) -> dict[str, Any]:
    deployments = [_calls.deployment(each) for each in question["model_list"]]
    if question["failing"]:
        return await _failures(question, deployments)
    by_error = [await _walks(question, deployments, error) for error in _ERRORS]
    walks = {entry: [walks[entry] for walks in by_error] for entry in question["entries"] if by_error[0][entry]}
    if not walks:
        return {}
    reached = sorted({place for each in walks.values() for walk in each for pick in walk for place in pick})
    asked = {_asked(deployments[place]) for place in reached}
    compatible = await _calls.compatible(sorted(each for each in asked if each[0] and each[0] not in question["own"]))
    for each in deployments:
        each["compatible"] = _asked(each) in compatible
    litellm = _module("litellm")
    parameters = inspect.signature(litellm.Router.__init__).parameters
    return {
        "deployments": deployments,
        "walks": walks,
        "router": sorted(name for name in parameters if name != "self"),
        "module": sorted(
            name for name, value in vars(litellm).items() if isinstance(value, _SETTINGS) or value is None
        ),
    }


def _asked(deployment: dict[str, Any]) -> tuple[str, str, bool]:
    return deployment["provider"], deployment["model"], deployment["embeds"]


async def _failures(question: dict[str, Any], deployments: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what requests do that fail everywhere, by what is asked for. Where that is alike but for the names, it is played once."""
    served, filtered = [await _walks(question, deployments, error) for error in (_SERVER_ERROR, _FILTERED)]
    played: dict[str, tuple[list[int], dict[str, Any]]] = {}
    by_entry = {}
    for entry in question["entries"]:
        places = list(dict.fromkeys(place for pick in [*served[entry], *filtered[entry]] for place in pick))
        shape = json.dumps([_shapes.shape(question, places, walk) for walk in (served[entry], filtered[entry])])
        if shape not in played:
            played[shape] = places, await _played(question, deployments, entry, places)
        by_entry[entry] = _shapes.renumbered(played[shape][1], dict(zip(played[shape][0], places, strict=True)))
    reached = sorted(
        {place for walks in (served, filtered) for walk in walks.values() for pick in walk for place in pick}
    )
    return {
        "by_entry": by_entry,
        "request_timeout": _module("litellm").request_timeout,
        "broken": await _calls.broken(deployments, reached),
    }


async def _played(
    question: dict[str, Any], deployments: list[dict[str, Any]], entry: str, places: list[int]
) -> dict[str, Any]:
    """Return what requests for one model do, of which some deployments can be asked."""
    schedules = {failure: await _schedule(question, deployments, entry, places, failure) for failure in _FAILURES}
    first: list[int] = next((steps["attempts"][0][0] for steps in schedules.values() if steps), [])
    rests = {}
    for failure in ("500", "429") if first else ():
        rests[failure] = await _rests(question, deployments, entry, places, first=first, failure=failure)
    return {"schedules": schedules, "rests": rests}


async def _walks(question: dict[str, Any], deployments: list[dict[str, Any]], error: str) -> dict[str, list[list[int]]]:
    """Return which deployments LiteLLM chooses from, one choice after the other, if every one of them fails; by what is asked for."""
    # LiteLLM does not raise all of them by name
    raised: Any = _calls.raised("ContentPolicyViolationError") if error == _FILTERED else error
    found: dict[str, list[list[int]]] = {entry: [] for entry in question["entries"]}
    model_list = _failing(question, deployments, range(len(deployments)), raised)
    with _asking(question, model_list, {"num_retries": 0, "disable_cooldowns": True}) as ask:
        for entry, picks in found.items():

            def pick(places: list[int], picks: list[list[int]] = picks) -> None:
                picks.extend([places] if places else [])

            failed = await ask(entry, pick)
            if not picks and error == _SERVER_ERROR:
                sys.stderr.write(f"{entry}: {type(failed).__name__}: {failed}\n")
    return found


async def _schedule(
    question: dict[str, Any], deployments: list[dict[str, Any]], entry: str, places: list[int], failure: str
) -> dict[str, Any] | None:
    """Return what a request does that fails alike everywhere; None if LiteLLM refuses the settings.

    That is each attempt: the deployments that it is chosen from, and the wait before it at either end of what is drawn, in
    seconds; the wait before the error; and whether a second request, right after it, is refused without any attempt.
    """
    ends = []
    for drawn in _DRAWS:
        steps = _Steps(drawn, [each["params"].get("order") for each in question["model_list"]])
        model_list = _failing(question, deployments, places, _calls.raised(_FAILURES[failure]), steered=True)
        with steps.recorded(), _asking(question, model_list, _settings(question), steps.choose) as ask:
            await ask(entry, steps.pick)
            await _sleep(_COUNTED_S)
            steps.ended = True
            if drawn == _DRAWS[0]:
                await ask(entry, steps.pick)
        ends.append(steps)
    low, high = ends
    if low.ranks == high.ranks:
        low.by_rank()
        high.by_rank()
    if not low.taken or [places for places, _ in low.taken] != [places for places, _ in high.taken]:
        return None
    attempts = [[places, least, most] for (places, least), (_, most) in zip(low.taken, high.taken, strict=True)]
    return {"attempts": attempts, "end": [low.waited_s, high.waited_s], "locked_out": not low.asked_again}


class _Steps:
    """What one request does, without its waits, and whether the next one asks anybody.

    Attributes:
        taken: The places that each attempt was chosen from, each with the wait before it, in seconds.
        waited_s: The wait since the last of them, in seconds.
        ended: Whether that request has ended. It is set from outside.
        asked_again: Whether a request after it had any attempt.
        ranks: The `order` of the deployment that each attempt has chosen.
    """

    def __init__(self, drawn: float, orders: list[int | None]) -> None:
        self.ranks: list[int | None] = []
        self._orders = orders
        self.taken: list[tuple[list[int], float]] = []
        self.waited_s = 0.0
        self.ended = False
        self.asked_again = False
        self._drawn = drawn
        self._whose = asyncio.current_task()

    def pick(self, places: list[int]) -> None:
        if not places:  # all of a group cool down
            return
        if self.ended:
            self.asked_again = True
            return
        group = next(
            (whole for whole, _ in self.taken if set(places) <= set(whole)), places
        )  # some of it may cool down
        self.taken.append((group, self.waited_s))
        self.waited_s = 0.0

    def choose(self, place: int) -> None:
        """Note of which rank a deployment is that was chosen, if it has one."""
        if not self.ended and self.taken and len(self.ranks) < len(self.taken):
            self.ranks.append(self._orders[place] if place in self.taken[-1][0] else None)

    def by_rank(self) -> None:
        """Narrow each choice to the deployments of the rank that was chosen, where LiteLLM goes by the ranks."""
        ranks = [rank for rank in self.ranks if rank is not None]
        if len(ranks) != len(self.taken) or ranks != sorted(ranks):
            return
        if ranks[0] == min(self._orders[place] or 0 for place in self.taken[0][0]):
            chosen = zip(self.taken, ranks, strict=True)
            self.taken = [
                ([each for each in whole if self._orders[each] == rank], wait) for (whole, wait), rank in chosen
            ]

    async def _wait(self, delay: float, result: Any = None) -> Any:
        if asyncio.current_task() is not self._whose:  # a task of LiteLLM's own
            return await _sleep(delay, result)
        self.waited_s += 0.0 if self.ended else delay
        return await _sleep(_COUNTED_S if delay else 0, result)

    @contextmanager
    def recorded(self) -> Iterator[None]:
        draw = random.random
        asyncio.sleep, random.random = self._wait, lambda: self._drawn
        try:
            yield
        finally:
            asyncio.sleep, random.random = _sleep, draw


def _failing(
    question: dict[str, Any],
    deployments: list[dict[str, Any]],
    places: Iterable[int],
    raised: Any,
    *,
    steered: bool = False,
) -> list[dict[str, Any]]:
    """Return the deployments at some places, for a Router at which each of them fails."""
    listed = question["model_list"]
    return [
        {
            "model_name": each["model_name"],
            "litellm_params": {
                "model": each["model"],
                # A model that LiteLLM does not know fails like any other.
                "custom_llm_provider": each["custom_llm_provider"]
                or (None if deployments[place]["provider"] else "openai"),
                "api_key": "none",
                "api_base": "http://127.0.0.1:9",
                "mock_response": raised,
                **(each["params"] if steered else {}),
            },
            "model_info": {"id": str(place), **({"blocked": True} if each["blocked"] else {})},
        }
        for place, each in ((place, listed[place]) for place in sorted(places))
        if deployments[place]["provider"] != "auto_router"
    ]


@contextmanager
def _asking(
    question: dict[str, Any],
    model_list: list[dict[str, Any]],
    settings: dict[str, Any],
    chosen: Callable[[int], None] | None = None,
) -> Iterator[Callable[[str, Callable[[list[int]], None]], Awaitable[Exception | None]]]:
    """Yield a function that makes one request of a Router, and returns its error.

    It takes what is asked for, and what is called with the places that LiteLLM chooses from, each time it chooses.

    Args:
        question: What is asked.
        model_list: For the Router.
        settings: Of the Router, beside those that say where it falls back to.
        chosen: Called with the place that it has chosen.
    """
    litellm, logger = _module("litellm"), _module("litellm.integrations.custom_logger")
    base: Any = logger.CustomLogger

    class Picks(base):  # type: ignore[misc]
        async def async_filter_deployments(self, *_: Any, healthy_deployments: Any, **_more: Any) -> Any:
            picking[-1]([int(each["model_info"]["id"]) for each in healthy_deployments])
            for each in healthy_deployments:  # its traceback grows with each attempt, and LiteLLM formats it
                error = each["litellm_params"]["mock_response"]
                if isinstance(error, Exception):
                    error.__traceback__ = error.__context__ = error.__cause__ = None
            return healthy_deployments

        async def async_pre_call_deployment_hook(self, kwargs: dict[str, Any], call_type: Any) -> Any:
            if chosen is not None:
                chosen(int((kwargs.get("model_info") or {}).get("id", -1)))
            return await super().async_pre_call_deployment_hook(kwargs, call_type)

    picking: list[Callable[[list[int]], None]] = []
    refused: Exception | None = None
    litellm.callbacks = [Picks()]
    before = {name: getattr(litellm, name, None) for name in question["module"]}
    for name, value in question["module"].items():
        setattr(litellm, name, value)
    try:
        router = litellm.Router(model_list=model_list, **question["router"], **settings)
    except Exception as error:
        refused = error

    async def ask(entry: str, pick: Callable[[list[int]], None]) -> Exception | None:
        picking[:] = [pick]
        if refused is not None:
            return refused
        try:
            await router.acompletion(model=entry, messages=[{"role": "user", "content": "?"}])
        except Exception as failed:
            return failed
        return None

    try:
        yield ask
    finally:
        litellm.callbacks = []
        for name, value in before.items():
            setattr(litellm, name, value)


def _settings(question: dict[str, Any]) -> dict[str, Any]:
    """Return the Router's settings for retries and cooldowns. A cooldown outlasts the question."""
    settings = {**question["retries"], **question["cooldown"]}
    if isinstance(settings.get("cooldown_time", 1), int | float):
        settings["cooldown_time"] = 600
    return settings


async def _rests(
    question: dict[str, Any],
    deployments: list[dict[str, Any]],
    entry: str,
    places: list[int],
    *,
    first: list[int],
    failure: str,
) -> list[int | None]:
    """Return after how many failed attempts LiteLLM leaves a deployment alone, None if it does not; and how many there were.

    Args:
        question: What is asked.
        deployments: See `_deployment`.
        entry: What is asked for.
        places: Of all deployments that can be asked.
        first: The places that LiteLLM chooses from first. They fail; all others answer.
        failure: With what they fail.
    """
    model_list = _failing(question, deployments, places, _calls.raised(_FAILURES[failure]), steered=True)
    for each in model_list:
        if int(each["model_info"]["id"]) not in first:
            each["litellm_params"]["mock_response"] = "understood"
    attempts = 0
    with _Steps(0.0, []).recorded(), _asking(question, model_list, _settings(question)) as ask:
        for _ in range(_REQUESTS):
            picks: list[list[int]] = []
            await ask(entry, picks.append)
            await _sleep(_COUNTED_S)
            if not picks or picks[0] != first:
                return [attempts, attempts]
            for picked in picks:
                if not picked or not set(picked) <= set(first):
                    continue
                if len(picked) < len(first):
                    return [attempts, attempts]
                attempts += 1
    return [None, attempts]


if __name__ == "__main__":
    main()
