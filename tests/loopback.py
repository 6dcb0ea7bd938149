"""Real servers on loopback for tests: files with byte ranges, and faults on demand."""

from __future__ import annotations

import re
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

Fault = Callable[[BaseHTTPRequestHandler, int], bool]
"""Called with the handler and the number of the request for its path, from 1; True when it has answered itself."""


@dataclass
class Served:
    """A running file server."""

    url: str
    requests: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, path: str) -> int:
        with self.lock:
            self.requests.append(path)
            return self.requests.count(path)


class Quiet(BaseHTTPRequestHandler):
    """Keeps connections open, as real servers do, and writes no log."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class Files(Quiet):
    """A folder with byte ranges."""

    root: ClassVar[Path]
    served: ClassVar[Served]
    fault: ClassVar[Fault | None] = None
    latency: ClassVar[float] = 0.0

    def do_GET(self) -> None:
        number = self.served.count(self.path)
        if self.latency:
            time.sleep(self.latency)
        fault = self.fault
        if fault is not None and fault(self, number):
            return
        path = self.root / self.path.split("?")[0].lstrip("/")
        if not path.is_file():
            send(self, 404, b"no such file", "text/plain")
            return
        content = path.read_bytes()
        kind = "application/json" if path.suffix == ".json" else "image/tiff"
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if asked is None:
            send(self, 200, content, kind)
            return
        first, last = int(asked[1]), min(int(asked[2]), len(content) - 1)
        send(self, 206, content[first : last + 1], kind, {"Content-Range": f"bytes {first}-{last}/{len(content)}"})


def send(
    handler: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    kind: str = "application/json",
    headers: dict[str, str] | None = None,
) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


class Server(ThreadingHTTPServer):
    """A server that bears many connections at once, and says nothing of clients that go away in the middle."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


@contextmanager
def running(server: socketserver.BaseServer) -> Iterator[None]:
    """Answer requests in a thread, until the block ends."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def serving(root: Path, *, fault: Fault | None = None, latency: float = 0.0) -> Iterator[Served]:
    """Serve a folder with byte ranges; ``fault`` may answer in its place."""
    served = Served("")
    handler = type(
        "Handler",
        (Files,),
        {"root": root, "served": served, "fault": staticmethod(fault) if fault else None, "latency": latency},
    )
    server = Server(("127.0.0.1", 0), handler)
    served.url = f"http://127.0.0.1:{server.server_port}"
    with running(server):
        yield served


@contextmanager
def canary() -> Iterator[tuple[str, list[bytes]]]:
    """A listening socket that nobody should call: its address, and what was said to it."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        done = threading.Event()

        def listen() -> None:
            while not done.is_set():
                try:
                    caller, _ = server.accept()
                except TimeoutError:
                    continue
                with caller:
                    caller.settimeout(1)
                    try:
                        heard.append(caller.recv(1000))
                    except OSError:
                        heard.append(b"")

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}", heard
        finally:
            done.set()
            thread.join()
