"""The chain itself, as many teams have it: a client for each provider, and a loop over them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from operator import attrgetter
from typing import Any, NamedTuple

import openai

from harness.chain import Provider
from harness.chain.openai_sdk import SdkSettings
from harness.chain.scrub import scrub
from harness.chain.spec import DUMMY_KEY
from harness.provider.dialects import dialect_of
from harness.provider.kinds import Api


class _Method(NamedTuple):
    """How the SDK is asked in one form.

    Attributes:
        place: Of the method, below a client.
        named: The body's fields that it takes as arguments of its own; the others go out beside them.
    """

    place: str
    named: tuple[str, ...]


_METHODS: Mapping[Api, _Method] = {
    "chat": _Method("chat.completions.create", ("messages", "stream")),
    "embeddings": _Method("embeddings.create", ("input", "dimensions", "encoding_format")),
    "responses": _Method("responses.create", ("input", "stream")),
}


def missing() -> dict[str, str]:
    """Return the forms that the installed SDK has no method for, each with the reason."""
    places = {api: method.place.partition(".")[0] for api, method in _METHODS.items()}
    return {
        api: f"OpenAI's SDK {openai.__version__} has no `{place}`"
        for api, place in places.items()
        if not hasattr(openai.AsyncOpenAI, place)
    }


class UnknownModelError(Exception):
    """A caller asked for a model that the chain does not have."""


class Fallback:
    """Asks one provider after the other, until one does not raise an `openai.APIError`.

    Args:
        clients: By provider's name.
        models: What each provider is asked for, by name.
        order: Names of the providers in the order in which they are tried.
    """

    def __init__(
        self, clients: Mapping[str, openai.AsyncOpenAI], models: Mapping[str, str], order: Sequence[str]
    ) -> None:
        self._clients = clients
        self._models = models
        self._order = order

    async def ask(self, api: Api, body: dict[str, Any]) -> AsyncGenerator[str, None]:
        """Yield an answer's JSON: one text, or one for each event of a stream.

        The body's `model` names a provider: the first one means the whole chain, any other one itself alone.

        Raises:
            UnknownModelError: No provider is called so.
            openai.APIError: The last provider's error, or one in a stream that had begun.
            Exception: What the SDK lets through as it is, such as `httpx.ReadError` in a stream. It is no
                `openai.APIError`, so the next provider is not tried: such code behaves so.
        """
        names = self._asked(body.pop("model"))
        for name in names:
            begun = False
            try:
                async with aclosing(self._ask(name, api, body)) as pieces:
                    async for piece in pieces:
                        begun = True
                        yield piece
                return
            except openai.APIError:
                if begun or name == names[-1]:
                    raise

    def _asked(self, model: object) -> Sequence[str]:
        if model == self._order[0]:
            return self._order
        if not isinstance(model, str) or model not in self._clients:
            raise UnknownModelError(f"the chain has no model {model!r}")
        return [model]

    async def _ask(self, name: str, api: Api, body: Mapping[str, Any]) -> AsyncGenerator[str, None]:
        method = _METHODS[api]
        create: Any = attrgetter(method.place)(self._clients[name])  # its overloads have no type for a body in general
        answer = await create(
            model=self._models[name],
            **{key: body[key] for key in method.named if key in body},
            extra_body={key: value for key, value in body.items() if key not in method.named},
        )
        if not body.get("stream"):
            yield _json(answer)
            return
        async with answer as chunks:
            async for chunk in chunks:
                yield _json(chunk)


def client(provider: Provider, base_url: str, settings: SdkSettings) -> openai.AsyncOpenAI:
    """Return the SDK's client for a provider, with its defaults but for its address and the chain file's settings.

    Args:
        provider: Of a dialect that the SDK speaks.
        base_url: Where it is called, without the dialect's own path.
        settings: Retries and timeout.
    """
    base_url = base_url.rstrip("/")
    common: dict[str, Any] = {
        "api_key": DUMMY_KEY,
        "max_retries": settings.max_retries,
        "timeout": openai.DEFAULT_TIMEOUT if settings.timeout_s is None else settings.timeout_s,
    }
    called = dialect_of(provider).openai_client
    assert called is not None
    made: openai.AsyncOpenAI = getattr(openai, called.name)(**called.arguments(base_url), **common)
    return made


def explain(hidden: frozenset[str], error: Exception) -> tuple[int, dict[str, Any]]:
    """Return status and body of a failure: the provider's own, where it gave an answer.

    Args:
        hidden: Texts that they may not hold.
        error: What `Fallback.ask` raised.
    """
    message = getattr(error, "message", None) or f"{type(error).__name__}: {error}"
    payload: Any = {"error": {"message": message, "type": type(error).__name__, "param": None, "code": None}}
    status = 500
    if isinstance(error, UnknownModelError):
        status = 404
    elif isinstance(error, openai.APITimeoutError) or _is_transport(error, "TimeoutException"):
        status = 504
    elif isinstance(error, openai.APIConnectionError) or _is_transport(error, "TransportError"):
        status = 502
    elif isinstance(error, openai.APIStatusError):
        status = error.status_code if 400 <= error.status_code <= 599 else 502
        payload = _body(error.response) or payload
    elif isinstance(error, openai.APIError) and error.body is not None:
        payload = {"error": error.body}  # an error event in a stream
    cleaned: dict[str, Any] = _clean(payload, hidden)
    return status, cleaned


def _is_transport(error: Exception, name: str) -> bool:
    """Return whether it is an exception of the HTTP library below the SDK: httpx, or httpx2 from OpenAI's SDK 3 on."""
    return any(
        each.__name__ == name and each.__module__.partition(".")[0] in ("httpx", "httpx2")
        for each in type(error).__mro__
    )


def _body(response: Any) -> dict[str, Any] | None:
    try:
        body = response.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _clean(value: Any, hidden: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: _clean(item, hidden) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, hidden) for item in value]
    return scrub(value, hidden) if isinstance(value, str) else value


def _json(answer: Any) -> str:
    if not isinstance(answer, openai.BaseModel):  # the SDK hands a body that is no JSON over as text
        raise TypeError(f"expected an answer in JSON, got {type(answer).__name__}")
    return answer.to_json(indent=None, warnings=False)
