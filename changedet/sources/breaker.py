"""A host that keeps failing is given up for the rest of a run, so that sixty scenes do not each wait in vain."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from changedet.errors import ServiceError


class GivenUpError(ServiceError):
    """A host failed too often in a row; it is not asked again in this run."""


@dataclass(slots=True)
class Breaker:
    """Counts requests that failed for good, by host, until one succeeds. Thread-safe; belongs to one transport.

    (The circuit breaker of Nygard, Release It!, 2007, without its half-open state: a run is short, and run again.)
    """

    limit: int
    """Failures in a row, each after all its attempts."""
    _failed: dict[str, int] = field(default_factory=dict)
    _last: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, url: str) -> None:
        """Let the request pass.

        Raises
        ------
        GivenUpError
            When its host was given up.
        """
        host = _host(url)
        with self._lock:
            count, last = self._failed.get(host, 0), self._last.get(host, "")
        if count >= self.limit:
            raise GivenUpError(f"{host} failed {count} times in a row and is not asked again in this run; last: {last}")

    def failed(self, url: str, reason: str) -> None:
        """Count a request that failed for good."""
        host = _host(url)
        with self._lock:
            self._failed[host] = self._failed.get(host, 0) + 1
            self._last[host] = reason

    def succeeded(self, url: str) -> None:
        """The host works: begin to count again."""
        with self._lock:
            self._failed.pop(_host(url), None)


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
