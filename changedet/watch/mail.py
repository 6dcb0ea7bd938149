"""Alerts by e-mail (``alerts: {email: …}``). ``Message-ID`` is the same for the same alert."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime

from changedet.errors import ServiceError
from changedet.report.words import instant
from changedet.watch.alerts import Alert
from changedet.watch.config import Email, from_environment


class EmailChannel:
    """One server and its receivers."""

    name = "email"

    def __init__(self, config: Email) -> None:
        self._config = config

    def send(self, alert: Alert) -> None:
        """Send one message to all receivers.

        Raises
        ------
        ServiceError
            When the server cannot be reached or does not take it.
        InputError
            When the password is not set.
        """
        c = self._config
        password = self._password()
        try:
            with self._connected() as server:
                if c.user is not None and password is not None:
                    server.login(c.user, password)
                refused = server.send_message(message(alert, c))
        except (smtplib.SMTPException, OSError) as error:
            raise ServiceError(
                f"SMTP server {c.host}:{c.port}: {_reason(error)}; the alert is kept and sent again in the next pass"
            ) from error
        if refused:
            raise ServiceError(f"SMTP server {c.host}:{c.port}: refused {', '.join(sorted(refused))}")

    def _connected(self) -> smtplib.SMTP:
        c = self._config
        if c.security == "tls":
            return smtplib.SMTP_SSL(c.host, c.port, timeout=c.timeout, context=ssl.create_default_context())
        server = smtplib.SMTP(c.host, c.port, timeout=c.timeout)
        if c.security == "starttls":
            server.starttls(context=ssl.create_default_context())
        return server

    def _password(self) -> str | None:
        variable = self._config.password
        if variable is None:
            return None
        return from_environment(variable, "alerts.email.password", "the password of that account")


def message(alert: Alert, config: Email) -> EmailMessage:
    """The message of an alert: plain text, dated by the acquisition."""
    mail = EmailMessage()
    mail["Subject"] = _line(alert.headline)
    mail["From"] = config.sender
    mail["To"] = ", ".join(config.to)
    mail["Date"] = format_datetime(alert.time)
    mail["Message-ID"] = f"<{alert.key}@{config.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    lines = [
        alert.headline,
        "",
        alert.sentence,
        "",
        f"Acquisition: {instant(alert.time)}",
    ]
    if alert.report is not None:
        lines.append(f"Report: {alert.report}")
    lines += ["", alert.attribution]
    mail.set_content("\n".join(lines) + "\n")
    return mail


def _line(text: str) -> str:
    """Without line breaks and control characters, which no header may hold."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"answered {error.smtp_code}"
    return f"cannot be reached ({type(error).__name__})"
