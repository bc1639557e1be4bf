"""The load in one process, which the runner controls over standard input and output."""

from __future__ import annotations

from collections.abc import Iterable

import gevent
from gevent.event import AsyncResult
from locust.env import Environment

from harness.lines import read
from harness.live.load.session import Session, guarded
from harness.live.load.web_ui import serve_web_ui
from harness.messages import Begin, LoadStart
from harness.part import say

PROCESS = "load"


def run_alone(start: LoadStart, messages: Iterable[bytes]) -> None:
    """Make all calls, and return when standard input has ended.

    Args:
        start: The start message.
        messages: The runner's later messages, one line each; reading them lets other greenlets run.

    Raises:
        Exception: Whatever went wrong in any greenlet.
    """
    end = AsyncResult()
    environment = Environment(host=start.base_url, catch_exceptions=False)
    session = Session(start, environment, process=PROCESS, say=say, end=end)
    environment.user_classes = [session.user]
    runner = environment.create_local_runner()
    if start.web_ui:
        session.web_ui = serve_web_ui(environment)

    def listen() -> None:
        for line in messages:
            session.origin.set(read(line, Begin).origin_ns)
        end.set()

    greenlets = [gevent.spawn(guarded, end, listen), gevent.spawn(session.guard, session.watch_loop)]
    try:
        runner.start(1, spawn_rate=1)
        end.get()
    finally:
        gevent.killall(greenlets, block=False)
        runner.quit()
        session.close()
