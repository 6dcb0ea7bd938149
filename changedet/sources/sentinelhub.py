"""Scenes from Sentinel Hub: the Copernicus Data Space Ecosystem with a free account, or the commercial service.

Credentials come from ``SH_CLIENT_ID`` and ``SH_CLIENT_SECRET``, or from a profile of the sentinelhub library; never
from the site file. The library builds each Process request; the transport sends it, so that time-outs, retries and the
allowed hosts are those of every other source.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode, urlsplit

from odc.geo.geobox import GeoBox
from pydantic import Field

from changedet.errors import FetchError, InputError, ServiceError
from changedet.scene import CLASSIFICATION, OPTICAL_BANDS, RADAR_BANDS, Scene
from changedet.sources import Cost, Fetched, Query, Window
from changedet.sources.allowed import Rules, is_loopback
from changedet.sources.process import Bits, Tile, mosaic, process_body, tiles, trouble, units
from changedet.sources.sh_catalog import acquisitions, page_of, search_body
from changedet.sources.transport import Patience, RefusedError, Transport
from changedet.store import Entry, Store
from changedet.values import SourceConfig

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Deployment:
    """The two addresses of one installation of Sentinel Hub."""

    base: str
    token: str


DEPLOYMENTS: Mapping[str, Deployment] = {
    "cdse": Deployment(
        "https://sh.dataspace.copernicus.eu",
        "https://identity.dataspace.copernicus.eu/auth/realms/CDSE/protocol/openid-connect/token",
    ),
    "commercial": Deployment(
        "https://services.sentinel-hub.com",
        "https://services.sentinel-hub.com/auth/realms/main/protocol/openid-connect/token",
    ),
}
MAX_PAGES = 200
"""Pages of a search: a service that always names a next one must not hold a run for ever."""
LOOPBACK = "CHANGEDET_SH_LOOPBACK"
"""Environment variable with the address of a service on this machine, for tests; anything else in it is refused."""
FILE_BANDS = {"sentinel-2": (*OPTICAL_BANDS, CLASSIFICATION), "sentinel-1": RADAR_BANDS}
"""Order of the bands in the files that the evalscripts make."""
COLLECTIONS = {"sentinel-2": "sentinel-2-l2a", "sentinel-1": "sentinel-1-grd"}


class Config(SourceConfig):
    """``source: {kind: sentinelhub, deployment: …}``."""

    kind: Literal["sentinelhub"] = "sentinelhub"
    deployment: Literal["cdse", "commercial"] = Field(
        default="cdse", description="cdse: Copernicus Data Space, free account; commercial: the paid service"
    )
    bits: Bits = Field(
        default=32,
        description="of a pixel of Sentinel-2: 16 costs half the processing units, and rounds reflectance to 0.0001",
    )
    profile: str | None = Field(
        default=None, max_length=100, description="profile of the sentinelhub library that holds the credentials"
    )


def open_source(config: Config, folder: Path, patience: Patience | None = None) -> SentinelHubSource:
    """The source of a deployment, with the credentials of the environment or of the profile.

    Raises
    ------
    InputError
        When there are no credentials.
    """
    deployment = DEPLOYMENTS[config.deployment]
    loopback = os.environ.get(LOOPBACK)
    if loopback:
        if not is_loopback(urlsplit(loopback).hostname):
            raise InputError(f"{LOOPBACK} must be an address of this machine; it is for tests only")
        deployment = Deployment(loopback, f"{loopback}/token")
    transport = Transport(Rules(loopback=bool(loopback)), patience or Patience(retry_after_unit=0.001))
    credentials = _credentials(config.profile)
    return SentinelHubSource(f"sentinelhub {config.deployment}", deployment, credentials, transport, config.bits)


def _credentials(profile: str | None) -> tuple[str, str]:
    if profile is None:
        pair = os.environ.get("SH_CLIENT_ID", ""), os.environ.get("SH_CLIENT_SECRET", "")
    else:
        from sentinelhub.config import SHConfig

        # only where there is a file: the library would write one with defaults
        try:
            loaded = SHConfig.load(profile) if Path(SHConfig.get_config_location()).is_file() else None
        except (KeyError, ValueError, OSError):
            loaded = None
        pair = (loaded.sh_client_id, loaded.sh_client_secret) if loaded else ("", "")
    if not all(pair):
        where = "SH_CLIENT_ID and SH_CLIENT_SECRET are not set" if profile is None else f"profile {profile!r} has none"
        raise InputError(
            f"source sentinelhub needs the credentials of an OAuth client, and {where}; create the client in the "
            "dashboard of your account, then set both variables"
        )
    return pair


class SentinelHubSource:
    """One deployment of Sentinel Hub."""

    def __init__(
        self, name: str, deployment: Deployment, credentials: tuple[str, str], transport: Transport, bits: Bits = 32
    ) -> None:
        self.name = name
        self.transport = transport
        self._deployment = deployment
        self._credentials = credentials
        self._bits: Bits = bits
        self._token = ""
        self._expires = datetime.min.replace(tzinfo=UTC)
        self._lock = threading.Lock()
        self._units = 0.0

    def search(self, query: Query) -> tuple[Scene, ...]:
        """Acquisitions that meet the query; each keeps the ids of all its products.

        Raises
        ------
        ServiceError
        """
        features: list[dict[str, Any]] = []
        body = search_body(query, query.collection or COLLECTIONS[query.sensor])
        url = f"{self._deployment.base}/api/v1/catalog/1.0.0/search"
        for _ in range(MAX_PAGES):
            found, following = page_of(self._authorised(partial(self.transport.post_json, url, body)))
            features += found
            if following is None:
                return acquisitions(features, query, self.name)
            if following == body.get("next"):
                raise ServiceError(f"{self.name}: the catalogue names the same page of its answer twice")
            body = {**body, "next": following}
        raise ServiceError(f"{self.name}: the catalogue answered more than {MAX_PAGES} pages; shorten the periods")

    def fetch(self, scene: Scene, bands: tuple[str, ...], geobox: GeoBox, store: Store) -> Fetched:
        """One file on the grid of the site, with every band of the sensor; see the protocol."""
        parts = tiles(geobox)
        entries = [self._tile(scene, tile, store) for tile in parts]
        entry = entries[0] if len(entries) == 1 else mosaic(entries, parts, geobox, store, scene.id)
        order = FILE_BANDS[scene.sensor]
        return Fetched(
            scene,
            {
                band: Window(
                    entry.path,
                    entry.sha256,
                    order.index(band) + 1,
                    1.0 if band == CLASSIFICATION else scene.assets[band].scale,
                    0.0,
                    0.0 if scene.sensor == "sentinel-2" and self._bits == 16 else float("nan"),
                    on_grid=True,
                )
                for band in bands
                if band in order
            },
        )

    def estimate(self, scene: Scene, bands: tuple[str, ...], geobox: GeoBox) -> int:
        """Bytes of the uncompressed file."""
        width = 4 if scene.sensor == "sentinel-1" else self._bits // 8
        return int(geobox.shape[0] * geobox.shape[1] * len(FILE_BANDS[scene.sensor]) * width)

    def cost(self, scene: Scene, bands: tuple[str, ...], geobox: GeoBox, store: Store | None) -> Cost:
        """One request a tile, with the units that the service counts for it."""
        new = [tile for tile in tiles(geobox) if store is None or not store.holds(self._request(scene, tile))]
        return Cost(len(new), sum(units(scene, tile.geobox, self._bits) for tile in new))

    def spent(self) -> Mapping[str, float]:
        """Requests, bytes and processing units so far."""
        return {**self.transport.spent.as_dict(), "processing_units": round(self._units, 3)}

    def _tile(self, scene: Scene, tile: Tile, store: Store) -> Entry:
        request = self._request(scene, tile)
        entry = store.get(request)
        if entry is not None:
            return entry
        with store.lock(request):
            entry = store.get(request)
            if entry is not None:
                return entry
            content = self._download(scene, request["body"], tile.geobox)
            with self._lock:
                self._units += units(scene, tile.geobox, self._bits)

            def write(path: Path) -> None:
                path.write_bytes(content)

            return store.put(request, write, scene=scene.id, asset=scene.sensor)

    def _request(self, scene: Scene, tile: Tile) -> dict[str, Any]:
        body = process_body(scene, tile.geobox, COLLECTIONS[scene.sensor], self._deployment.base, self._bits)
        return {"service": self.name, "body": body}

    def _download(self, scene: Scene, body: Mapping[str, Any], geobox: GeoBox) -> bytes:
        url = f"{self._deployment.base}/api/v1/process"
        bands = len(FILE_BANDS[scene.sensor])

        def wrong(content: bytes) -> str | None:
            return trouble(content, geobox, bands)

        try:
            return self._authorised(lambda headers: self.transport.post_tiff(url, body, headers, wrong))
        except ServiceError as error:
            raise FetchError(scene.id, scene.sensor, str(error)) from error

    def _authorised(self, send: Callable[[dict[str, str]], Answer]) -> Answer:
        """Send with a token; a token that was refused is renewed once."""
        headers = self._headers(refused=None)
        try:
            return send(headers)
        except RefusedError as error:
            if error.status != HTTPStatus.UNAUTHORIZED:
                raise
            return send(self._headers(refused=headers["Authorization"]))

    def _headers(self, *, refused: str | None) -> dict[str, str]:
        with self._lock:
            # of many requests that were refused at once, the first renews the token for all
            if refused == f"Bearer {self._token}" or datetime.now(UTC) >= self._expires:
                client, secret = self._credentials
                form = urlencode(
                    {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}
                ).encode()
                answer = self.transport.post_form(self._deployment.token, form)
                token = answer.get("access_token")
                if not isinstance(token, str):
                    raise ServiceError(f"{self.name}: the token service answered without a token")
                self._token = token
                lifetime = float(answer.get("expires_in", 600))
                self._expires = datetime.now(UTC) + timedelta(seconds=max(0.0, lifetime - 30))
            return {"Authorization": f"Bearer {self._token}"}
