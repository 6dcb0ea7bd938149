"""Scenes from STAC: an API (URL), or a static catalogue (URL, or path of a ``catalog.json``)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any, Literal, cast
from urllib.parse import urljoin

import shapely
from odc.geo.geobox import GeoBox
from pydantic import Field

from changedet.errors import CatalogueError, FetchError, NoScenesError, ServiceError
from changedet.scene import Asset, Scene
from changedet.sources import Cost, Fetched, Query, Window
from changedet.sources.allowed import Rules, without_secrets
from changedet.sources.presets import USE_INSTEAD, Preset, Signer, preset_of
from changedet.sources.rangefile import RangeFile
from changedet.sources.stac_items import scene_from_item
from changedet.sources.transport import Patience, RefusedError, Transport
from changedet.sources.windows import UnreadableRasterError, copy_window, estimate_bytes
from changedet.store import Entry, Store
from changedet.values import SourceConfig

REQUESTS_PER_WINDOW = 3
"""One for the header, and about two for the blocks over a small site."""
MAX_ITEMS = 20_000
MAX_CATALOGUES = 5_000
MAX_DEPTH = 16
MAX_DOCUMENT = 16 * 1024 * 1024

Json = Mapping[str, Any]


class Config(SourceConfig):
    """``source: {kind: stac, catalog: …}``."""

    kind: Literal["stac"] = "stac"
    catalog: str = Field(
        min_length=1,
        max_length=2000,
        description="earth-search, planetary-computer, URL of a STAC API, or path of a static catalog.json, "
        "relative to this file",
    )


def open_source(config: Config, folder: Path, patience: Patience | None = None) -> StacSource:
    """The source that a configuration names; ``folder`` is that of the site file.

    Raises
    ------
    CatalogueError
        When the path leads nowhere or the address is not allowed.
    """
    preset = preset_of(config.catalog)
    catalogue = preset.url if preset else config.catalog
    rules = Rules.of(catalogue, folder)
    if rules.folder is None:
        try:
            rules.check(catalogue)
        except ValueError as error:
            raise CatalogueError(f"catalog {without_secrets(config.catalog)}: {error}") from error
        address = catalogue
    else:
        path = (folder / config.catalog).resolve()
        path = path / "catalog.json" if path.is_dir() else path
        if not path.is_file():
            raise CatalogueError(
                f"catalog {config.catalog}: no such file {path}; "
                "give the URL of a STAC API or the path of a catalog.json"
            )
        address = str(path)
    return StacSource(config.catalog, address, rules, Transport(rules, patience or Patience()), preset)


class StacSource:
    """One STAC catalogue."""

    def __init__(
        self, name: str, address: str, rules: Rules, transport: Transport, preset: Preset | None = None
    ) -> None:
        self.name = without_secrets(name)
        self.transport = transport
        self._address = address
        self._rules = rules
        self._preset = preset
        self._signer = Signer(transport, preset.tokens) if preset and preset.tokens else None

    def search(self, query: Query) -> tuple[Scene, ...]:
        """Scenes that meet the query, in order of time then id.

        Raises
        ------
        CatalogueError, ServiceError, NoScenesError
        """
        if self._preset is not None:
            query = replace(query, collection=self._preset.collection(query.collection, query.sensor))
        root = self._document(self._address)
        if not isinstance(root, dict) or root.get("type") not in ("Catalog", "Collection") or "links" not in root:
            raise CatalogueError(
                f"catalog {self.name} is not STAC: the document is no Catalog; "
                "give the URL of a STAC API or the path of a catalog.json"
            )
        is_api = any(link.get("rel") == "search" for link in _links(root))
        found = self._api(query) if is_api else self._walk(root)
        area = shapely.Polygon(query.ring)
        scenes, others, swapped = {}, 0, 0
        mirrored = shapely.Polygon([(y, x) for x, y in query.ring])
        for item, base in found:
            scene = self._scene(item, base, query.extra_bands)
            if scene is None or not _matches(scene, query):
                continue
            footprint = shapely.Polygon(scene.footprint)
            if shapely.intersects(shapely.make_valid(footprint), area):
                scenes[scene.id] = scene
            else:
                others += 1
                swapped += bool(footprint.intersects(mirrored))
        if not scenes and swapped:
            lon, lat = area.centroid.x, area.centroid.y
            raise NoScenesError(
                f"no scene of {self.name} covers longitude {lon:.5f}, latitude {lat:.5f}, but {swapped} cover "
                "the place with the two swapped: longitude comes first"
            )
        if scenes and all(_is_paid(scene) for scene in scenes.values()):
            raise CatalogueError(
                f"the scenes of {self.name} are requester-pays: their pixels (s3://) need an account that is charged; "
                f"for Sentinel-2 use sentinel-2-l2a of earth-search, for Sentinel-1 {USE_INSTEAD}"
            )
        return tuple(sorted(_newest_baseline(list(scenes.values())), key=lambda s: (s.time, s.id)))

    def fetch(self, scene: Scene, bands: tuple[str, ...], geobox: GeoBox, store: Store) -> Fetched:
        """The windows of the bands that the scene has; see the protocol."""
        return Fetched(
            scene,
            {band: self._window(scene, band, geobox, store) for band in bands if band in scene.assets},
        )

    def spent(self) -> Mapping[str, int]:
        """Requests sent and bytes received so far."""
        return self.transport.spent.as_dict()

    def estimate(self, scene: Scene, bands: tuple[str, ...], geobox: GeoBox) -> int:
        """Decoded bytes of the windows; compressed transfer is less."""
        width = 4 if scene.sensor == "sentinel-1" else 2
        assets = [scene.assets[band] for band in bands if band in scene.assets]
        return sum(estimate_bytes(geobox, asset.resolution or 10, width) for asset in assets)

    def cost(self, scene: Scene, bands: tuple[str, ...], geobox: GeoBox, store: Store | None) -> Cost:
        """About ``REQUESTS_PER_WINDOW`` requests a band over the network, none from disk."""
        count = 0
        for band in bands:
            if band in scene.assets and "://" in scene.assets[band].href:
                asset = scene.assets[band]
                held = store is not None and store.holds(_request(scene, band, asset, asset.href, geobox))
                count += 0 if held else REQUESTS_PER_WINDOW
        return Cost(count)

    def _scene(self, item: Json, base: str, extra: tuple[str, ...]) -> Scene | None:
        try:
            hrefs = {key: _absolute(str(asset["href"]), base) for key, asset in item["assets"].items()}
            return scene_from_item(item, self.name, hrefs, extra)
        except (KeyError, TypeError, AttributeError, ValueError):
            return None

    def _document(self, address: str) -> Any:
        if self._rules.folder is None:
            return self.transport.get_json(address)
        try:
            path = Path(self._rules.check(address))
            if path.stat().st_size > MAX_DOCUMENT:
                raise CatalogueError(f"{path} is larger than {MAX_DOCUMENT >> 20} MB, too large for a STAC document")
            return json.loads(path.read_bytes())
        except (OSError, RecursionError) as error:
            raise CatalogueError(f"{address} cannot be read: {error}") from error
        except ValueError as error:
            raise CatalogueError(
                f"catalog {self.name} is not STAC: {address} is not JSON or not allowed ({error})"
            ) from error

    def _walk(self, root: Json) -> Iterator[tuple[Json, str]]:
        """Items below a static catalogue, following ``child`` and ``item`` links only."""
        todo = [(root, self._address, 0)]
        seen = {self._address}
        while todo:
            catalogue, base, depth = todo.pop()
            for link in _links(catalogue):
                if link.get("rel") not in ("child", "item"):
                    continue
                try:
                    address = _absolute(str(link.get("href", "")), base)
                except ValueError as error:
                    raise CatalogueError(f"catalog {self.name}: a link in it is malformed") from error
                if address in seen:
                    continue
                if len(seen) > MAX_ITEMS + MAX_CATALOGUES or depth > MAX_DEPTH:
                    raise CatalogueError(
                        f"catalog {self.name} holds more than {MAX_ITEMS + MAX_CATALOGUES} documents or is more than "
                        f"{MAX_DEPTH} levels deep; give the address of the collection instead"
                    )
                seen.add(address)
                document = self._document(address)
                if not isinstance(document, dict):
                    continue
                if document.get("type") == "Feature":
                    yield document, address
                else:
                    todo.append((document, address, depth + 1))

    def _api(self, query: Query) -> Iterator[tuple[Json, str]]:
        from changedet.sources.stac_api import api_items

        for item in api_items(self._address, query, self.transport, MAX_ITEMS):
            yield item, self._address

    def _window(self, scene: Scene, band: str, geobox: GeoBox, store: Store) -> Window:
        asset = scene.assets[band]
        try:
            address = self._rules.check(asset.href)
        except ValueError as error:
            raise FetchError(scene.id, band, str(error)) from error
        request = _request(scene, band, asset, address, geobox)
        entry = store.get(request)
        if entry is None:
            with store.lock(request):
                entry = store.get(request) or self._download(scene, band, address, geobox, store, request)
        return Window(entry.path, entry.sha256, 1, asset.scale, asset.offset, asset.nodata)

    def _download(
        self, scene: Scene, band: str, address: str, geobox: GeoBox, store: Store, request: Mapping[str, object]
    ) -> Entry:
        faults: list[ServiceError] = []
        remote = self._rules.folder is None or "://" in address
        try:
            opener = self._opener(address, faults) if remote else None
            return store.put(
                request,
                lambda path: copy_window(address, scene.assets[band].band, geobox, path, opener),
                scene=scene.id,
                asset=band,
            )
        except UnreadableRasterError as error:
            raise FetchError(scene.id, band, str(faults[0] if faults else error)) from error

    def _opener(self, first: str, faults: list[ServiceError]) -> Callable[[str, str], IO[bytes]]:
        """What GDAL calls to open an address: GDAL itself never touches the network.

        The beginning of the ``first`` address is fetched here and now, for files are opened one at a time.
        """
        begun: list[RangeFile | ServiceError] = []
        try:
            begun.append(self._range_file(first, faults))
        except ServiceError as error:
            begun.append(error)

        def opener(address: str, mode: str = "rb") -> IO[bytes]:
            if "://" not in address:
                raise FileNotFoundError(address)
            try:
                found = begun.pop() if address == first and begun else self._range_file(address, faults)
                if isinstance(found, ServiceError):
                    raise found
                return cast(IO[bytes], found)
            except ServiceError as error:
                faults.append(error)
                raise FileNotFoundError(str(error)) from error

        return opener

    def _range_file(self, address: str, faults: list[ServiceError]) -> RangeFile:
        if self._signer is None:
            return RangeFile(self.transport, address, faults)
        try:
            return RangeFile(self.transport, self._signer.sign(address), faults)
        except RefusedError as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            return RangeFile(self.transport, self._signer.sign(address, renew=True), faults)


def _links(document: Json) -> list[Json]:
    links = document.get("links")
    return [link for link in links if isinstance(link, dict)] if isinstance(links, list) else []


def _absolute(href: str, base: str) -> str:
    if "://" in href or href.startswith("/vsi"):
        return href
    if "://" in base:
        return urljoin(base, href)
    return str(Path(base).parent / href)


def _is_paid(scene: Scene) -> bool:
    """Whether no pixel of a scene can be read without an account that is charged."""
    return bool(scene.assets) and all(asset.href.startswith("s3://") for asset in scene.assets.values())


def _matches(scene: Scene, query: Query) -> bool:
    if scene.sensor != query.sensor or not query.start <= scene.time < query.end:
        return False
    if query.collection and scene.collection and scene.collection != query.collection:
        return False
    if query.max_cloud is not None and scene.cloud_share is not None and scene.cloud_share > query.max_cloud:
        return False
    return query.relative_orbits is None or scene.relative_orbit in query.relative_orbits


def _newest_baseline(scenes: list[Scene]) -> list[Scene]:
    """Of the same acquisition and tile in several processings, the one with the newest baseline."""
    best: dict[tuple[object, ...], Scene] = {}
    for scene in scenes:
        key = (
            (scene.sensor, scene.platform, scene.time.replace(microsecond=0), scene.tile, scene.level)
            if scene.tile and scene.baseline
            else (scene.id,)
        )
        if key not in best or (scene.baseline or "", scene.id) > (best[key].baseline or "", best[key].id):
            best[key] = scene
    return list(best.values())


def _request(scene: Scene, band: str, asset: Asset, address: str, geobox: GeoBox) -> dict[str, object]:
    """What identifies a window: the file, its version where known, the band and the grid."""
    version: object = asset.checksum or asset.size
    if version is None and "://" not in address:
        status = Path(address).stat() if Path(address).exists() else None
        version = None if status is None else [status.st_size, status.st_mtime_ns]
    return {
        "href": without_secrets(address),
        "version": version,
        "scene": scene.id,
        "band": [band, asset.band],
        "crs": str(geobox.crs),
        "shape": list(geobox.shape),
        "transform": [float(x) for x in geobox.transform[:6]],
    }
