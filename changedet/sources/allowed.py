"""What may be opened: schemes, hosts, folders and raster drivers. Every href passes here before anything reads it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

RASTER_DRIVERS = ("GTiff",)
"""GDAL drivers that may read what was fetched. No VRT and nothing else that can point elsewhere."""

GDAL_OPTIONS = {
    # no look at neighbouring files: sidecars (.aux.xml, .ovr, .msk) could come from elsewhere
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    # a header may claim more tiles than there are bytes; the check of the real file size stays on
    "GTIFF_IGNORE_READ_ERRORS": "NO",
    "CPL_DEBUG": "OFF",
}

MAX_SIDE = 200_000
"""Pixels a side that a raster may claim."""
MAX_BLOCK_BYTES = 256 * 1024 * 1024
"""Decoded bytes that one block of a raster may claim."""


def is_loopback(host: str | None) -> bool:
    """Whether the host is this machine."""
    if host is None:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_internal(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or "." not in host or host.endswith((".local", ".internal", ".localhost"))
    return not address.is_global


@dataclass(frozen=True, slots=True)
class Rules:
    """What one catalogue's hrefs may be."""

    folder: Path | None = None
    """Root of a catalogue on disk: files under it may be read. None for a catalogue on the network."""
    loopback: bool = False
    """Whether the catalogue itself is on this machine (tests, a local proxy), so that its hrefs may be."""

    @classmethod
    def of(cls, catalogue: str, base: Path) -> Rules:
        """The rules for a catalogue given as URL, or as path relative to ``base``."""
        if "://" in catalogue:
            return cls(loopback=is_loopback(urlsplit(catalogue).hostname))
        path = (base / catalogue).resolve()
        return cls(folder=path if path.is_dir() else path.parent)

    def check(self, href: str) -> str:
        """The href, if it may be opened: https URL, loopback URL where allowed, or resolved path under the folder.

        Raises
        ------
        ValueError
            With the reason, without repeating any credentials.
        """
        if len(href) > 8192 or any(ord(c) < 32 for c in href):
            raise ValueError("the address is too long or holds control characters")
        if "://" in href and not href.lower().startswith(("file://", "/")):
            return self._check_url(href)
        return self._check_path(href)

    def _check_url(self, href: str) -> str:
        try:
            parts = urlsplit(href)
            host = parts.hostname
            _ = parts.port
        except ValueError as error:
            raise ValueError("the address is malformed") from error
        if parts.username is not None or parts.password is not None:
            raise ValueError(f"the address of host {host} carries a user name or password; that is not allowed")
        if not host:
            raise ValueError("the address names no host")
        if self.loopback and is_loopback(host) and parts.scheme in ("http", "https"):
            return href
        if parts.scheme == "s3":
            raise ValueError(
                f"s3://{host} needs an account that pays for requests; "
                "use a collection with https addresses, such as sentinel-2-l2a of earth-search "
                "or sentinel-1-rtc of planetary-computer"
            )
        if parts.scheme != "https":
            raise ValueError(f"scheme {parts.scheme!r} is not allowed; only https is")
        if _is_internal(host):
            raise ValueError(f"host {host} is not on the public network")
        return href

    def _check_path(self, href: str) -> str:
        if self.folder is None:
            raise ValueError("a catalogue on the network may not point at files of this machine")
        text = href[len("file://") :] if href.lower().startswith("file://") else href
        if text.startswith("/vsi"):
            raise ValueError("GDAL's virtual file systems are not allowed")
        path = Path(text).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise ValueError("the path lies outside the catalogue's own folder")
        return str(path)


def without_secrets(href: str) -> str:
    """The href without query, fragment and credentials, fit for logs, caches and reports."""
    if "://" not in href:
        return href
    try:
        parts = urlsplit(href)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(malformed address)"
    return f"{parts.scheme}://{host}{port}{parts.path}"
