"""Locust's own web UI, to look at: on the loopback, and without the buttons that would change the run."""

from __future__ import annotations

from typing import Any

import gevent
from gevent.pywsgi import WSGIServer
from locust.env import Environment
from locust.stats import stats_history

HOST = "127.0.0.1"
WATCHED = "this run follows its plan: it can be watched here, not changed"


def serve_web_ui(environment: Environment) -> str:
    """Serve Locust's web UI on a free port while this process lives; return its address.

    Args:
        environment: Whose runner exists.
    """
    web_ui = environment.create_web_ui(host=HOST, port=0, delayed_start=True)

    def only_look() -> Any:
        from flask import request  # noqa: PLC0415 - Locust's, and only where its web UI is asked for

        return None if request.method in {"GET", "HEAD"} else (WATCHED, 403)

    web_ui.app.before_request(only_look)
    web_ui.server = WSGIServer((HOST, 0), web_ui.app, log=None, error_log=None)
    web_ui.server.start()
    gevent.spawn(stats_history, environment.runner)
    return f"http://{HOST}:{web_ui.server.server_port}"
