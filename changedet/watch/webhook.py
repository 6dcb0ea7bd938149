"""Alerts as a signed JSON message to an address (``alerts: {webhook: …}``).

The body is one JSON object. ``X-Changedet-Signature: sha256=…`` is HMAC-SHA256 (RFC 2104) of the bytes of the body with
the shared secret; ``Idempotency-Key`` is the same for the same alert, whenever and however often it comes.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import requests

from changedet.errors import ServiceError
from changedet.report.plain import json_bytes
from changedet.sources.transport import RETRIED
from changedet.watch.alerts import Alert
from changedet.watch.config import Webhook, from_environment

TRIES = 3
PAUSE = 2.0
"""Seconds before the second try; doubled before each further one."""


class WebhookChannel:
    """One address."""

    name = "webhook"

    def __init__(self, config: Webhook, pause: Callable[[float], None] = time.sleep) -> None:
        self._config = config
        self._pause = pause

    def send(self, alert: Alert) -> None:
        """POST the alert; three tries.

        Raises
        ------
        ServiceError
            When the receiver cannot be reached or does not take it.
        InputError
            When the secret is not set.
        """
        body = json_bytes(alert)
        secret = from_environment(self._config.secret, "alerts.webhook.secret", "the secret that the receiver knows")
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "changedet",
            "Idempotency-Key": alert.key,
            "X-Changedet-Signature": signature(body, secret.encode()),
        }
        told = ""
        for attempt in range(TRIES):
            if attempt:
                self._pause(PAUSE * 2 ** (attempt - 1))
            try:
                answer = requests.post(
                    self._config.url, body, headers=headers, timeout=self._config.timeout, allow_redirects=False
                )
            except requests.RequestException as error:
                told = f"cannot be reached ({type(error).__name__})"
                continue
            if 200 <= answer.status_code < 300:
                return
            told = f"answered {answer.status_code}"
            if answer.status_code not in RETRIED:
                break
        raise ServiceError(
            f"webhook {_host(self._config.url)}: {told}; the alert is kept and sent again in the next pass"
        )


def signature(body: bytes, secret: bytes) -> str:
    """What stands in ``X-Changedet-Signature``."""
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


def _host(url: str) -> str:
    """The address without what may be secret in it."""
    return urlsplit(url).hostname or "?"
