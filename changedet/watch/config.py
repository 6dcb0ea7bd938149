"""``watch.yaml`` beside the site files: how many false alarms a year, and where alerts go. All of it is optional."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, TypeAdapter, field_validator

from changedet.errors import InputError
from changedet.values import Frozen
from changedet.watch.records import Rules
from changedet.yamlfile import Reader, load

NAME = "watch.yaml"
SUFFIXES = (".yaml", ".yml")
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _safe_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url
    if parts.scheme == "http" and parts.hostname in LOOPBACK:
        return url
    raise ValueError("must be an https address; http is only for this machine itself (localhost)")


def _variable(name: str) -> str:
    if not name.replace("_", "a").isalnum() or not name.isascii() or name[:1].isdigit():
        raise ValueError("must be the name of an environment variable, such as CHANGEDET_SECRET")
    return name


def _address(address: str) -> str:
    local, at, host = address.partition("@")
    if not (local and at and host) or any(c.isspace() or ord(c) < 32 or c in "<>,;" for c in address):
        raise ValueError("must be a plain e-mail address, such as watch@example.org")
    return address


Url = Annotated[str, Field(max_length=2000), AfterValidator(_safe_url)]
Variable = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_variable)]
Address = Annotated[str, Field(max_length=320), AfterValidator(_address)]


class Webhook(Frozen):
    """A JSON message to an address, signed."""

    url: Url = Field(description="https address that receives a POST for each alert")
    secret: Variable = Field(description="environment variable that holds the secret for the signature")
    timeout: float = Field(default=20, gt=0, le=300, description="seconds")


class Email(Frozen):
    """A message to people."""

    host: str = Field(min_length=1, max_length=255, description="SMTP server")
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="none is only for a server on this machine itself"
    )
    sender: Address
    to: tuple[Address, ...] = Field(min_length=1, max_length=100)
    user: str | None = Field(default=None, max_length=320)
    password: Variable | None = Field(default=None, description="environment variable that holds the password")
    timeout: float = Field(default=30, gt=0, le=300, description="seconds")


class Alerts(Frozen):
    """Where alerts go. The Atom feed in the archive needs no setting."""

    link: Url | None = Field(default=None, description="address under which people open the archive, for links")
    webhook: Webhook | None = None
    email: Email | None = None


class WatchConfig(Frozen):
    """All of ``watch.yaml``."""

    rules: Rules = Rules()
    sites: Mapping[str, Rules] = Field(default_factory=dict)
    """Rules by site id, where they differ."""
    alerts: Alerts = Alerts()

    @field_validator("sites")
    @classmethod
    def _frozen(cls, value: Mapping[str, Rules]) -> Mapping[str, Rules]:
        return MappingProxyType(dict(value))

    def rules_of(self, site: str) -> Rules:
        """The rules of one site."""
        return self.sites.get(site, self.rules)


_RULES: Mapping[str, Any] = {name: Annotated[field.annotation, field] for name, field in Rules.model_fields.items()}


def read_config(configs: Path) -> WatchConfig:
    """``watch.yaml`` of a folder of site files, or beside one site file; the defaults where there is none.

    Raises
    ------
    FileError
        With every problem found.
    """
    path = (configs if configs.is_dir() else configs.parent) / NAME
    if not path.exists():
        return WatchConfig()
    reader = Reader(str(path), load(path))
    given = reader.keys((), (*Rules.model_fields, "sites", "alerts"))
    general: dict[str, object] = {}
    for key in given:
        if key in Rules.model_fields:
            general[key] = reader.value((key,), TypeAdapter(_RULES[key]))
    alerts = reader.model(("alerts",), Alerts, empty=True)
    sites: dict[str, Mapping[str, object]] = {}
    item = reader.item(("sites",))
    if item is not None and item.value is not None:
        for site in reader.keys(("sites",), tuple(item.value) if isinstance(item.value, Mapping) else ("site ids",)):
            rules = reader.model(("sites", site), Rules, empty=True)
            sites[site] = {} if rules is None else rules.model_dump(exclude_unset=True)
    _check_smtp(reader, alerts)
    reader.finish()
    return WatchConfig(
        rules=Rules.model_validate(general),
        sites={site: Rules.model_validate({**general, **own}) for site, own in sites.items()},
        alerts=alerts or Alerts(),
    )


def from_environment(variable: str, setting: str, what: str) -> str:
    """What an environment variable holds.

    Parameters
    ----------
    setting : that names the variable
    what : is to be in it

    Raises
    ------
    InputError
        When it is not set.
    """
    held = os.environ.get(variable)
    if not held:
        raise InputError(f"{setting}: the environment variable {variable} is not set; set it to {what}")
    return held


def _check_smtp(reader: Reader, alerts: Alerts | None) -> None:
    mail = alerts.email if alerts else None
    if mail is None:
        return
    if mail.security == "none" and mail.host not in LOOPBACK:
        reader.add(
            ("alerts", "email", "security"), "is none, which would send alerts in the clear; write starttls or tls"
        )
    if (mail.user is None) != (mail.password is None):
        reader.add(("alerts", "email"), "has only one of user and password; give both or neither")


def site_files(folder: Path) -> tuple[Path, ...]:
    """The site files of a folder, by name, ``watch.yaml`` aside; or the one site file given.

    Raises
    ------
    InputError
        When there is none.
    """
    if folder.is_file():
        return (folder,)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give a folder of site files")
    found = tuple(
        sorted(
            path
            for path in folder.iterdir()
            if path.suffix in SUFFIXES and path.stem != "watch" and not path.name.startswith(".") and path.is_file()
        )
    )
    if not found:
        raise InputError(f"{folder}: holds no site file (*.yaml); write one, or give another folder")
    return found
