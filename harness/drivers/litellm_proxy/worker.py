"""One worker of the proxy, a part in a forked process.

It runs LiteLLM's own application on uvicorn and uvloop, as LiteLLM's own command does, and records its own attempts.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import uvloop

from harness import part
from harness.chain.litellm_router import RouterSettings, router_settings
from harness.drivers.carried import by_kind
from harness.drivers.litellm_router.asking import missing
from harness.drivers.litellm_router.router import settle
from harness.drivers.recorder import Recorder, forget, working_on
from harness.drivers.watched import watched
from harness.errors import HarnessError
from harness.messages import WorkerReady, WorkerStart
from harness.provider.marker import find_request
from harness.store import encode
from harness.waiting import poll

Receive = Callable[[], Awaitable[dict[str, Any]]]
App = Callable[[Any, Receive, Any], Awaitable[None]]
"""An ASGI application."""

SHUTDOWN_S = 1
"""How long open answers may take when the worker ends; uvicorn wants whole seconds."""

# What LiteLLM's proxy reads from its environment beyond its configuration: databases, caches, licences, hooks, other files.
_FOREIGN = re.compile(
    r"(LITELLM|REDIS|DATABASE|OTEL|PROMETHEUS|AWS|GCS|STORE)_|DIRECT_URL$|(WORKER_CONFIG|CONFIG_FILE_PATH)$"
)
_LOCAL = ("MODEL_COST_MAP", "ANTHROPIC_BETA_HEADERS", "POLICY_TEMPLATES", "BLOG_POSTS", "AUTOROUTER_PRESETS")


def main(listener: socket.socket, number: int) -> NoReturn:
    """Run the worker.

    Args:
        listener: The socket that all workers share.
        number: From 1; no two workers' files or attempts have the same.
    """
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    part.main(f"chain-{number}", WorkerStart, partial(serve, listener, number))


@asynccontextmanager
async def serve(
    listener: socket.socket, number: int, own: part.ChildProcess[WorkerStart]
) -> AsyncIterator[WorkerReady]:
    """Serve the chain in the start message; the arguments are those of `main`.

    Raises:
        UsageError: LiteLLM refuses the chain, or would speak another wire format.
        HarnessError: The proxy does not start.
    """
    import uvicorn  # noqa: PLC0415 - of the `proxy` extra
    from litellm.proxy import proxy_server  # noqa: PLC0415 - takes seconds

    chain, base_urls = own.start.host.chain, own.start.host.base_urls
    settings = settle(router_settings(chain, base_urls, own.start.host.environ, proxy=True))
    put = own.capture.put if own.capture is not None else forget
    start = f"r{own.start.restarts}" if own.start.restarts else ""
    recorder = Recorder(chain.providers, base_urls, put, prefix=f"a{number}{start}")
    os.environ["LITELLM_MASTER_KEY"] = own.start.host.key
    if own.start.host.database is not None:
        os.environ |= {"DATABASE_URL": own.start.host.database, "LITELLM_SALT_KEY": own.start.host.salt}
    config = uvicorn.Config(
        _naming(proxy_server.app),
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    server = uvicorn.Server(config)
    with watched(recorder, beside=own.start.host.database is not None):
        with _configured(settings):
            task = asyncio.create_task(server.serve(sockets=[listener]))

            async def started() -> bool:
                return server.started or task.done()

            await poll(started)
        if task.done():
            raise HarnessError("LiteLLM's proxy did not start", where="chain")
        try:
            yield WorkerReady(
                model=chain.entry_model,
                addressable=dict(settings.addressable),
                warnings=settings.warnings,
                lacking=by_kind(missing(proxy_server.llm_router)),
            )
        finally:
            server.should_exit = True
            await task
            recorder.close()


def _naming(app: App) -> App:
    """Return LiteLLM's application, each of its requests named by the marker in its body."""

    async def named(scope: Any, receive: Receive, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, partial(_reported, send))
            return
        with working_on(None) as request:
            body = b""

            async def received() -> dict[str, Any]:
                nonlocal body
                message = await receive()
                if request.request_id is None and message["type"] == "http.request":
                    body += message.get("body", b"")
                    marker = None if message.get("more_body") else find_request(body)
                    request.request_id = None if marker is None else marker.request_id
                return message

            await app(scope, received, send)

    return named


async def _reported(send: Any, message: dict[str, Any]) -> None:
    """Pass a message on; why the application cannot start goes to standard error, as uvicorn's log is off."""
    if message["type"] == "lifespan.startup.failed":
        sys.stderr.write(message.get("message", ""))
    await send(message)


def seclude(environ: MutableMapping[str, str]) -> None:
    """Remove from an environment all that would make the proxy call or open something that the chain does not name."""
    for name in [name for name in environ if _FOREIGN.match(name)]:
        del environ[name]
    environ["LITELLM_DONT_SHOW_FEEDBACK_BOX"] = "true"
    environ["GRACEFUL_SHUTDOWN_TIMEOUT"] = "0"  # it would wait for its callers once more, after uvicorn has
    for name in _LOCAL:
        environ[f"LITELLM_LOCAL_{name}"] = "True"


@contextmanager
def _configured(settings: RouterSettings) -> Iterator[None]:
    """Give the proxy its configuration in a file that no other user can read, and remove it once it was read."""
    config = {
        "model_list": settings.model_list,
        "router_settings": settings.router,
        "litellm_settings": settings.module,
        # Without this it looks its models up at the providers, at its start and again and again.
        "general_settings": {**settings.general, "disable_model_info_refresh": True},
    }
    with tempfile.TemporaryDirectory(prefix="harness-") as folder:
        path = Path(folder) / "config.yaml"
        path.touch(0o600)
        path.write_bytes(encode(config))  # JSON is YAML
        os.environ["CONFIG_FILE_PATH"] = str(path)
        yield
