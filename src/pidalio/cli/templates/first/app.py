"""Two small services in one program: `web` asks `greeter`, `greeter` greets.

Pidalio tells it by its environment where to listen (HOST, PORT) and through whom to call (http_proxy: urllib heeds it).
"""

import json
import os
import socketserver
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler

NAME = os.environ.get("NAME", "app")
VERSION = os.environ.get("VERSION", "v1")
ASKS = os.environ.get("ASKS", "")
ADDRESS = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "9080")))


class Server(socketserver.ThreadingTCPServer):
    """Listens, and gives every connection a thread."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


class Handler(BaseHTTPRequestHandler):
    """Answers every GET with JSON that says who answered."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Greet, or ask whoever greets."""
        status, text = (
            ask(self.headers.get("x-user", "")) if ASKS and self.path != "/healthz" else (200, f"hello from {VERSION}")
        )
        body = json.dumps({"by": f"{NAME} {VERSION} at {ADDRESS[0]}:{ADDRESS[1]}", "says": text}).encode() + b"\n"
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Leave the log to the proxies."""


def ask(user: str) -> tuple[int, object]:
    """Ask the other service, and hand on who the user is."""
    request = urllib.request.Request(ASKS, headers={"x-user": user} if user else {})  # noqa: S310 - the address is from mesh/web.yaml
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
            return 200, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError as error:
        return 502, str(error)


if __name__ == "__main__":
    Server(ADDRESS, Handler).serve_forever()
