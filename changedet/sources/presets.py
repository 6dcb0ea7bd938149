"""Public archives by name: where they are, what to ask them for, and what of theirs cannot be read without paying."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from changedet.errors import CatalogueError, ServiceError
from changedet.scene import Sensor
from changedet.sources.transport import Transport

MARGIN = timedelta(minutes=2)
"""A token that ends sooner than this is renewed first."""
USE_INSTEAD = "use sentinel-1-rtc of planetary-computer, or source kind sentinelhub with a free account"


@dataclass(frozen=True, slots=True)
class Preset:
    """One public STAC API."""

    name: str
    url: str
    collections: Mapping[Sensor, str] = field(default_factory=dict)
    """What a sensor means where the site file names no collection."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Why pixels of a collection cannot be read, and what to use instead, by collection."""
    tokens: str | None = None
    """Address that gives out signatures for storage accounts."""

    def collection(self, asked: str | None, sensor: Sensor) -> str | None:
        """The collection to search.

        Raises
        ------
        CatalogueError
            When its pixels cannot be read, or the archive has none for the sensor.
        """
        wanted = asked or self.collections.get(sensor)
        if wanted is None:
            raise CatalogueError(f"{self.name} has no collection of {sensor} that can be read freely; {USE_INSTEAD}")
        if wanted in self.refused:
            raise CatalogueError(f"collection {wanted} of {self.name} {self.refused[wanted]}")
        return wanted


PRESETS = (
    Preset(
        "earth-search",
        "https://earth-search.aws.element84.com/v1",
        {"sentinel-2": "sentinel-2-l2a"},
        {
            "sentinel-1-grd": f"is requester-pays: its pixels need an account that is charged; {USE_INSTEAD}",
            "sentinel-2-l1c": "is requester-pays: its pixels need an account that is charged; use sentinel-2-l2a",
        },
    ),
    Preset(
        "planetary-computer",
        "https://planetarycomputer.microsoft.com/api/stac/v1",
        {"sentinel-2": "sentinel-2-l2a", "sentinel-1": "sentinel-1-rtc"},
        {"sentinel-1-grd": "is in ground range, not terrain-corrected; use sentinel-1-rtc of the same archive"},
        "https://planetarycomputer.microsoft.com/api/sas/v1/token",
    ),
)


def preset_of(catalogue: str) -> Preset | None:
    """The public archive that a site file names, by its name or by its address."""
    plain = catalogue.rstrip("/")
    return next((preset for preset in PRESETS if plain in (preset.name, preset.url)), None)


@dataclass(slots=True)
class Signer:
    """Anonymous signatures for files in Azure storage (Planetary Computer, "Using tokens for data access").

    A signature is added when a request is sent and never enters an address that is kept: not a cache key, not a report.
    """

    transport: Transport
    endpoint: str
    hosts: str = ".blob.core.windows.net"
    """Only addresses of such hosts are signed."""
    _tokens: dict[tuple[str, str], tuple[str, datetime]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def sign(self, address: str, *, renew: bool = False) -> str:
        """The address with its signature, where its host needs one.

        Raises
        ------
        ServiceError
        """
        parts = urlsplit(address)
        host = parts.hostname or ""
        container = parts.path.strip("/").partition("/")[0]
        if not host.endswith(self.hosts) or parts.query or not container:
            return address
        key = (host.removesuffix(self.hosts) or host, container)
        with self._lock:
            token, ends = self._tokens.get(key, ("", datetime.min.replace(tzinfo=UTC)))
            if renew or datetime.now(UTC) + MARGIN >= ends:
                token, ends = self._fetch(key)
                self._tokens[key] = (token, ends)
        return f"{address}?{token}"

    def _fetch(self, key: tuple[str, str]) -> tuple[str, datetime]:
        answer = self.transport.get_json(f"{self.endpoint}/{key[0]}/{key[1]}")
        token = answer.get("token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or any(c.isspace() or c in "#\0" for c in token):
            raise ServiceError(f"{self.endpoint}: the signing service answered without a token")
        try:
            ends = datetime.fromisoformat(str(answer.get("msft:expiry")))
        except ValueError:
            ends = datetime.now(UTC) + 2 * MARGIN
        return token, ends if ends.tzinfo else ends.replace(tzinfo=UTC)
