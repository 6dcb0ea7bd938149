"""The only seam to the network: bounded retries, time-outs, checked redirects, and a count of what was spent."""

from __future__ import annotations

import email.utils
import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter

from changedet.errors import ServiceError
from changedet.sources.allowed import Rules, without_secrets
from changedet.sources.breaker import Breaker

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers after which the same request may succeed."""
MAX_JSON_BYTES = 64 * 1024 * 1024
MAX_TIFF_BYTES = 512 * 1024 * 1024
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
MAX_REDIRECTS = 5
CHUNK = 64 * 1024


Answer = TypeVar("Answer")


class TransientError(ServiceError):
    """A fault that may pass: tried again, and raised when the attempts are used up."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class RefusedError(ServiceError):
    """401 or 403: another key or signature may be let in, the same one is not."""

    def __init__(self, message: str, status: int) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait and how often to try."""

    attempts: int = 5
    connect: float = 10.0
    read: float = 30.0
    """Seconds without a byte."""
    total: float = 300.0
    """Seconds for one response as a whole; a body that drips slower is given up."""
    base: float = 0.5
    """Seconds before the second attempt; doubles each time, with full jitter (Brooker 2015)."""
    retry_after_unit: float = 1.0
    """Seconds that one unit of ``Retry-After`` stands for: Sentinel Hub counts milliseconds."""
    longest: float = 60.0
    """Longest wait that ``Retry-After`` can ask for."""
    give_up: int = 5
    """Requests to one host that fail in a row, each after all its attempts, until the host is not asked again."""


@dataclass(slots=True)
class Spent:
    """Requests sent and bytes received, counted across threads."""

    requests: int = 0
    bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, requests: int = 0, size: int = 0) -> None:
        """Count."""
        with self._lock:
            self.requests += requests
            self.bytes += size

    def as_dict(self) -> dict[str, int]:
        """``requests`` and ``bytes``."""
        return {"requests": self.requests, "bytes": self.bytes}


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """Sends requests for one run. Thread-safe."""

    def __init__(self, rules: Rules, patience: Patience = Patience(), connections: int = 32) -> None:
        self.rules = rules
        self.patience = patience
        self.spent = Spent()
        self._breaker = Breaker(patience.give_up)
        self._session = requests.Session()
        self._session.trust_env = False  # no credentials from .netrc
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.proxies.update(requests.utils.get_environ_proxies("https://example.org"))
        adapter = HTTPAdapter(pool_connections=8, pool_maxsize=connections)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def get_json(self, url: str) -> Any:
        """The JSON document at a URL.

        Raises
        ------
        ServiceError
        """
        return _parsed(self.text("GET", url), url)

    def text(
        self,
        method: str,
        url: str,
        parameters: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Send a request and read a text answer; ``parameters`` are the JSON body of a POST, else the query string.

        Raises
        ------
        ServiceError
        """
        sent = {"Accept": "application/geo+json, application/json", **(headers or {})}
        body = None
        if method.upper() == "POST":
            body = json.dumps(parameters or {}).encode()
            sent["Content-Type"] = "application/json"
        elif parameters:
            url = f"{url}{'&' if '?' in url else '?'}{urlencode(parameters, doseq=True)}"
        reply = self._retrying(lambda: self._send(method.upper(), url, sent, body), url)
        try:
            return reply.body.decode()
        except UnicodeDecodeError as error:
            raise ServiceError(f"{without_secrets(url)} answered something that is not text") from error

    def post_json(self, url: str, payload: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
        """Send a JSON body and read a JSON object.

        Raises
        ------
        ServiceError
        """
        return _object(self.text("POST", url, payload, headers), url)

    def post_form(self, url: str, form: bytes) -> dict[str, Any]:
        """Send a form, such as credentials for a token, and read a JSON object.

        Raises
        ------
        ServiceError
        """
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        reply = self._retrying(lambda: self._send("POST", url, sent, form), url)
        return _object(reply.body.decode("utf-8", "replace"), url)

    def post_tiff(
        self, url: str, payload: Mapping[str, Any], headers: Mapping[str, str], trouble: Callable[[bytes], str | None]
    ) -> bytes:
        """Send a JSON body and read a whole TIFF; one that is cut, or that ``trouble`` finds wrong, is asked for again.

        Raises
        ------
        ServiceError
        """
        sent = {"Accept": "image/tiff", "Content-Type": "application/json", **headers}
        body = json.dumps(payload).encode()

        def once() -> bytes:
            reply = self._send("POST", url, sent, body, limit=MAX_TIFF_BYTES)
            length = reply.headers.get("content-length")
            if length is not None and length.isdigit() and int(length) != len(reply.body):
                raise TransientError(f"{without_secrets(url)}: the body was cut: {len(reply.body)} of {length} bytes")
            if reply.body[:4] not in TIFF_MAGIC:
                raise TransientError(f"{without_secrets(url)} answered something that is not a TIFF")
            if wrong := trouble(reply.body):
                raise TransientError(f"{without_secrets(url)}: {wrong}")
            return reply.body

        return self._retrying(once, url)

    def get_range(self, url: str, start: int, length: int) -> tuple[bytes, int]:
        """``length`` bytes from ``start``, or fewer at the end of the file; and the size of the whole file.

        Raises
        ------
        ServiceError
            Also when the server ignores ranges.
        """
        headers = {"Range": f"bytes={start}-{start + length - 1}", "Accept-Encoding": "identity"}

        def once() -> tuple[bytes, int]:
            reply = self._send("GET", url, headers, None, limit=length)
            total = _total_size(reply, url)
            want = min(length, total - start)
            if len(reply.body) != want:
                raise TransientError(f"{without_secrets(url)}: the body was cut: {len(reply.body)} of {want} bytes")
            return reply.body, total

        return self._retrying(once, url)

    def _retrying(self, once: Callable[[], Answer], url: str) -> Answer:
        # a malformed address has no host whose failures could be counted
        self._permit(url)
        for attempt in range(1, self.patience.attempts + 1):
            # before every attempt: another thread may have found meanwhile that the host is down
            self._breaker.check(url)
            try:
                answer = once()
            except TransientError as fault:
                if attempt == self.patience.attempts:
                    self._breaker.failed(url, str(fault))
                    raise ServiceError(f"{fault} (tried {attempt} times)") from fault
                time.sleep(self._wait(attempt, fault.retry_after))
            else:
                self._breaker.succeeded(url)
                return answer
        raise AssertionError(url)

    def _wait(self, attempt: int, retry_after: float | None) -> float:
        if retry_after is not None:
            return min(retry_after * self.patience.retry_after_unit, self.patience.longest)
        # which instant a retry happens at changes no result, so the jitter needs no seed
        return random.uniform(0, self.patience.base * 2 ** (attempt - 1))

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, limit: int = MAX_JSON_BYTES
    ) -> Reply:
        for _ in range(MAX_REDIRECTS + 1):
            self._permit(url)
            reply = self._exchange(method, url, headers, body, limit)
            if reply.status not in (301, 302, 303, 307, 308):
                return _checked(reply, url)
            try:
                target = urljoin(url, reply.headers.get("location", ""))
                moved = urlsplit(target).netloc != urlsplit(url).netloc
            except ValueError as error:
                raise ServiceError(f"{without_secrets(url)} redirects to a malformed address") from error
            if moved and body is not None:
                # a body may be credentials for a token
                raise ServiceError(f"{without_secrets(url)} redirects what was sent to another host; not followed")
            if moved:
                headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
            url = target
        raise ServiceError(f"{without_secrets(url)} redirects more than {MAX_REDIRECTS} times")

    def _permit(self, url: str) -> None:
        try:
            self.rules.check(url)
        except ValueError as error:
            raise ServiceError(f"{without_secrets(url)}: {error}") from error

    def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, limit: int) -> Reply:
        deadline = time.monotonic() + self.patience.total
        self.spent.add(requests=1)
        try:
            with self._session.request(
                method,
                url,
                headers=dict(headers),
                data=body,
                stream=True,
                allow_redirects=False,
                timeout=(self.patience.connect, self.patience.read),
            ) as response:
                content = bytearray()
                for chunk in response.iter_content(CHUNK):
                    content += chunk
                    if len(content) > limit:
                        # a 200 to a range request is the whole file: stop reading, judged by status below
                        break
                    if time.monotonic() > deadline:
                        raise TransientError(f"{without_secrets(url)} took longer than {self.patience.total:g} s")
                self.spent.add(size=len(content))
                names = {name.lower(): value for name, value in response.headers.items()}
                return Reply(response.status_code, names, bytes(content))
        except requests.RequestException as error:
            raise TransientError(f"{without_secrets(url)}: {_plain(error)}") from error
        except ValueError as error:
            # requests reads where a redirect leads, also where it does not follow
            raise ServiceError(f"{without_secrets(url)} redirects to a malformed address") from error


def _parsed(text: str, url: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ServiceError(f"{without_secrets(url)} answered something that is not JSON") from error


def _object(text: str, url: str) -> dict[str, Any]:
    answer = _parsed(text, url)
    if not isinstance(answer, dict):
        raise ServiceError(f"{without_secrets(url)} answered JSON that is no object")
    return answer


def _plain(error: requests.RequestException) -> str:
    if isinstance(error, requests.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "the server's certificate could not be verified"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke while the body was read"
    if isinstance(error, requests.ConnectionError):
        return "the connection failed"
    return type(error).__name__


def _checked(reply: Reply, url: str) -> Reply:
    where = without_secrets(url)
    if reply.status in RETRIED:
        raise TransientError(f"{where} answered {_status(reply.status)}", retry_after(reply.headers.get("retry-after")))
    if reply.status in (401, 403):
        raise RefusedError(
            f"{where} answered {_status(reply.status)}: access was refused; check the account or key", reply.status
        )
    if reply.status >= 400:
        raise ServiceError(f"{where} answered {_status(reply.status)}")
    if "text/html" in reply.headers.get("content-type", "").lower():
        raise TransientError(f"{where} answered a web page (text/html) instead of data")
    return reply


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def retry_after(value: str | None, *, now: datetime | None = None) -> float | None:
    """Seconds that a ``Retry-After`` header asks for (RFC 9110 §10.2.3: seconds or a date); None if unreadable."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def _total_size(reply: Reply, url: str) -> int:
    where = without_secrets(url)
    if reply.status != HTTPStatus.PARTIAL_CONTENT:
        raise ServiceError(
            f"{where} does not support byte ranges (answered {reply.status}); host it on a server that does"
        )
    total = reply.headers.get("content-range", "").rpartition("/")[2]
    if not total.isdigit():
        raise TransientError(f"{where} answered a range without its size")
    return int(total)
