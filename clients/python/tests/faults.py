"""A proxy that stands between a client and the real server, and fails as asked. It never answers in the server's place, except where
a fault is an answer that a proxy gives, such as 502."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import httpx

LONG_S = 30.0


@dataclass(frozen=True)
class Drop:
    """The server handles the request; its answer is lost."""


@dataclass(frozen=True)
class Lose:
    """The request is lost on its way to the server, after it was taken."""


@dataclass(frozen=True)
class Answer:
    """The proxy answers, and the server never sees the request."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"the proxy failed"


@dataclass(frozen=True)
class HandledBut:
    """The server handles the request; the proxy answers something else."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Slow:
    """The server handles the request; its answer comes late."""

    seconds: float


Fault = Drop | Lose | Answer | HandledBut | Slow


@dataclass
class Seen:
    """A request that came by."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float


class Proxy:
    """Each request takes the next planned fault, if there is one; while `fault` is set, all do."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.plan: list[Fault | None] = []
        self.fault: Fault | None = None
        self.seen: list[Seen] = []
        self._mutex = threading.Lock()
        self._stop = threading.Event()
        self._http = httpx.Client(timeout=LONG_S, limits=httpx.Limits(max_keepalive_connections=0))
        self._listener: ThreadingHTTPServer | None = None
        self._place = shared_socket()  # never listens: it keeps the port while the proxy is down
        self._place.bind(("127.0.0.1", 0))
        self.port: int = self._place.getsockname()[1]
        self.up()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        """Listens, on the same port as before."""
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            disable_nagle_algorithm = True
            protocol_version = "HTTP/1.0"  # a connection for each request, so that `down` refuses the next one

            def handle_any(self) -> None:
                proxy.handle(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Listener(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def server_bind(self) -> None:
                self.socket.close()
                self.socket = shared_socket()
                super().server_bind()

        self._listener = Listener(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._listener.serve_forever, args=(0.01,), daemon=True).start()

    def down(self) -> None:
        """Refuses connections."""
        if self._listener is not None:
            self._listener.shutdown()
            self._listener.server_close()
            self._listener = None

    def requests(self, path: str) -> list[Seen]:
        """The requests to a path so far."""
        return [seen for seen in self.seen if seen.path == path]

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        headers = {k.lower(): v for k, v in handler.headers.items()}
        with self._mutex:
            self.seen.append(Seen(handler.command, handler.path, headers, body, time.monotonic()))
            fault = self.fault or (self.plan.pop(0) if self.plan else None)
        if isinstance(fault, Lose):
            return hang_up(handler)
        if isinstance(fault, Answer):
            return send(handler, fault.status, fault.headers, fault.body)
        answer = self._forwarded(handler, headers, body)
        if isinstance(fault, Drop):
            return hang_up(handler)
        if isinstance(fault, HandledBut):
            return send(handler, fault.status, fault.headers, b"the proxy failed")
        if isinstance(fault, Slow):
            self._stop.wait(fault.seconds)
        kept = {k: v for k, v in answer.headers.items() if k not in ("content-length", "transfer-encoding", "date")}
        send(handler, answer.status_code, kept, answer.content)

    def _forwarded(self, handler: BaseHTTPRequestHandler, headers: dict[str, str], body: bytes) -> httpx.Response:
        own = ("host", "connection", "content-length", "accept-encoding")
        passed = [
            (k.encode(), v.encode("latin-1")) for k, v in headers.items() if k not in own
        ]  # the bytes as they came
        return self._http.request(handler.command, self.server + handler.path, headers=passed, content=body)

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self.down()
        self._place.close()
        self._http.close()


def shared_socket() -> socket.socket:
    """A socket whose port another of ours may have, too."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return made


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def send(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes) -> None:
    try:
        handler.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)
    except OSError:
        pass  # the client has gone


def eventually(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Waits for what happens in the background, as long as it may take."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)
