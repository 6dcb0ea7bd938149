"""Alerts by webhook, to a real server on loopback."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace

import pytest

from changedet.errors import InputError, ServiceError
from changedet.watch.alerts import Alert, Channel, alerts_of
from changedet.watch.config import Webhook
from changedet.watch.webhook import WebhookChannel, signature
from tests.watch.builders import look, sighting, summary
from tests.watch.receivers import webhook_receiver


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", "correct horse")


def alert() -> Alert:
    return alerts_of([summary(look(1, sighting(zone="Tank “7”")))])[0]


def channel(url: str, pauses: list[float] | None = None) -> Channel:
    return WebhookChannel(Webhook(url=url, secret="HOOK_SECRET"), (pauses if pauses is not None else []).append)


def test_the_signature_is_that_of_rfc_4231() -> None:
    # test case 2 of RFC 4231
    assert signature(b"what do ya want for nothing?", b"Jefe") == (
        "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_the_receiver_can_check_who_sent_it_and_read_it() -> None:
    with webhook_receiver() as received:
        channel(received.url).send(alert())
    (body,), (headers,) = received.bodies, received.headers
    digest = hmac.new(b"correct horse", body, hashlib.sha256).hexdigest()
    assert headers["X-Changedet-Signature"] == f"sha256={digest}"
    told = json.loads(body)
    assert told["key"] == headers["Idempotency-Key"]
    assert (told["site"], told["state"], told["zone"]) == ("tiny", "provisional", "Tank “7”")
    assert told["time"] == "2024-01-06T08:00:00Z"


def test_a_busy_receiver_is_asked_again_with_the_same_key() -> None:
    pauses: list[float] = []
    with webhook_receiver(503, 429) as received:
        channel(received.url, pauses).send(alert())
    assert received.keys == [alert().key]
    assert pauses == [2.0, 4.0]


def test_a_receiver_that_stays_away_is_told_of() -> None:
    with webhook_receiver(500, 500, 500, 500) as received:
        with pytest.raises(ServiceError, match=r"answered 500.*kept"):
            channel(received.url).send(alert())
        assert received.answers == [500]


def test_a_refusal_is_not_repeated_and_a_redirect_not_followed() -> None:
    for code in (403, 302):
        with webhook_receiver(code, 200) as received:
            with pytest.raises(ServiceError, match=f"answered {code}"):
                channel(received.url).send(alert())
            assert received.answers == [200]


def test_nobody_there() -> None:
    with webhook_receiver() as received:
        url = received.url
    with pytest.raises(ServiceError, match="cannot be reached"):
        channel(url).send(alert())


def test_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOOK_SECRET")
    with pytest.raises(InputError, match="HOOK_SECRET is not set"):
        channel("https://example.org/").send(alert())


def test_an_error_does_not_tell_the_path_which_may_be_secret() -> None:
    with webhook_receiver(403) as received, pytest.raises(ServiceError) as refused:
        channel(received.url + "/T0/B0/token").send(replace(alert()))
    assert "token" not in str(refused.value)
