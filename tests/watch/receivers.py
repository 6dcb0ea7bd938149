"""Real receivers on loopback: of webhooks, and of e-mail."""

from __future__ import annotations

import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler
from typing import ClassVar

from tests.loopback import Quiet, Server, running


@dataclass
class Received:
    """What came in."""

    url: str = ""
    port: int = 0
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Status codes for the next requests; 200 when there are none left."""

    @property
    def keys(self) -> list[str]:
        return [header["Idempotency-Key"] for header in self.headers]


@contextmanager
def webhook_receiver(*answers: int) -> Iterator[Received]:
    received = Received(answers=list(answers))

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            code = received.answers.pop(0) if received.answers else 200
            if code == 200:
                received.bodies.append(body)
                received.headers.append(dict(self.headers))
            self.send_response(code)
            if code == 302:
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = Server(("127.0.0.1", 0), Handler)
    received.url = f"http://127.0.0.1:{server.server_port}/hook"
    with running(server):
        yield received


@contextmanager
def mail_receiver(refuse: bool = False) -> Iterator[Received]:
    """As much of SMTP (RFC 5321) as smtplib speaks."""
    received = Received()

    class Handler(socketserver.StreamRequestHandler):
        greeting: ClassVar[bytes] = b"220 loopback\r\n"

        def handle(self) -> None:
            self.wfile.write(self.greeting)
            while line := self.rfile.readline():
                verb = line[:4].upper()
                if verb == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    content = b""
                    while (part := self.rfile.readline()) != b".\r\n":
                        content += part[1:] if part.startswith(b"..") else part
                    mail = message_from_bytes(content, policy=policy.default)
                    assert isinstance(mail, EmailMessage)
                    received.mails.append(mail)
                    self.wfile.write(b"250 taken\r\n")
                elif verb == b"QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                elif verb == b"RCPT" and refuse:
                    self.wfile.write(b"550 no such person\r\n")
                else:
                    self.wfile.write(b"250 fine\r\n")

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    received.port = server.server_address[1]
    with running(server):
        yield received
