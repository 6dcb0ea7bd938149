"""Alerts by e-mail, to a real server on loopback."""

from __future__ import annotations

from typing import Any

import pytest

from changedet.errors import InputError, ServiceError
from changedet.watch.alerts import Alert, alerts_of
from changedet.watch.config import Email
from changedet.watch.mail import EmailChannel, message
from tests.watch.builders import look, sighting, summary
from tests.watch.receivers import mail_receiver


def config(port: int, **more: Any) -> Email:
    return Email(
        host="127.0.0.1",
        port=port,
        security="none",
        sender="watch@example.org",
        to=("desk@example.org", "night@example.org"),
        **more,
    )


def alert(title: str = "Depot “Süd”") -> Alert:
    return alerts_of([summary(look(1, sighting(), title=title))])[0]


def test_a_message_arrives_and_can_be_read() -> None:
    with mail_receiver() as received:
        EmailChannel(config(received.port)).send(alert())
    (mail,) = received.mails
    assert mail["Subject"] == "Depot “Süd”: change seen, not yet confirmed"
    assert mail["To"] == "desk@example.org, night@example.org"
    assert mail["Message-ID"] == f"<{alert().key}@example.org>"
    assert mail["Date"] == "Sat, 06 Jan 2024 08:00:00 +0000"
    text = mail.get_content()
    assert "10,000 m² near 35.00050, 40.00050 changed after 1 Jan 2024 and by 6 Jan 2024" in text
    assert "Contains modified Copernicus Sentinel data 2024" in text


def test_a_name_cannot_add_a_header() -> None:
    mail = message(alert("Depot\r\nBcc: all@example.org"), config(25))
    assert mail["Bcc"] is None
    assert mail["Subject"].startswith("Depot Bcc: all@example.org: ")


def test_a_receiver_that_is_refused() -> None:
    with mail_receiver(refuse=True) as received, pytest.raises(ServiceError, match="kept"):
        EmailChannel(config(received.port)).send(alert())


def test_nobody_there() -> None:
    with mail_receiver() as received:
        port = received.port
    with pytest.raises(ServiceError, match="cannot be reached"):
        EmailChannel(config(port)).send(alert())


def test_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAIL_PASSWORD", raising=False)
    with pytest.raises(InputError, match="MAIL_PASSWORD is not set"):
        EmailChannel(config(25, user="watch", password="MAIL_PASSWORD")).send(alert())
