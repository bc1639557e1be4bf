"""A gateway as plain as can be, in the place of a user's own: the first provider, else the second. Drops all headers."""

from __future__ import annotations

import http.client
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Gateway(BaseHTTPRequestHandler):
    """Passes a call on."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Try each provider once, in order."""
        body = self.rfile.read(int(self.headers["content-length"]))
        for base_url in sys.argv[2:4]:
            try:
                status, answer = call(base_url, body)
            except OSError:
                status, answer = 502, b"{}"
            if status == 200:
                break
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def call(base_url: str, body: bytes) -> tuple[int, bytes]:
    """Return status and body of one provider."""
    url = urlsplit(base_url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=10)
    try:
        connection.request("POST", f"{url.path}/chat/completions", body, {"content-type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


if __name__ == "__main__":
    sys.stderr.write(f"started with {sys.argv[1:]}\n")  # as gateways do, keys and all
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Gateway).serve_forever()
