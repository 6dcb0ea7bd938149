"""Sentinel Hub on loopback: OAuth, Catalog and Process with real pixels, refusing what the schema refuses."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import jsonschema
import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile
from ruamel.yaml import YAML

from changedet.sources import Fetched, Window
from changedet.sources.grid import layer_of, passes
from changedet.sources.stac_items import scene_from_item
from tests.loopback import Quiet, Server, running, send

SECRET = "loopback-secret-3f9c"
DATASETS = {"sentinel-2-l2a": "S2L2ADataset", "sentinel-1-grd": "S1Dataset"}
Fault = Callable[[BaseHTTPRequestHandler, str, int], bool]
Page = Callable[[dict[str, Any], int, str], dict[str, Any]]
"""May change an answer of the catalogue: given the page, the number of the request, and the address of the search."""


@dataclass
class Hub:
    """A running service, and what it was asked."""

    url: str
    processed: list[dict[str, Any]] = field(default_factory=list)
    searched: list[dict[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    answers: dict[str, bytes] = field(default_factory=dict)
    """Images made so far: the same request again costs no time."""
    lock: threading.Lock = field(default_factory=threading.Lock)


def process_errors(contracts: Path, body: dict[str, Any]) -> list[str]:
    """What the published schema says against a Process request, by the data set that it names."""
    document = contracts / "sentinelhub" / "process.openapi.yml"
    errors = list(validator(document, "ProcessRequest").iter_errors(body))
    for dataset in body["input"]["data"]:
        errors += validator(document, DATASETS[dataset["type"]]).iter_errors(dataset)
    return [error.message for error in errors]


def search_errors(contracts: Path, body: dict[str, Any]) -> list[str]:
    """What the published schema says against a catalogue search."""
    document = contracts / "sentinelhub" / "catalog-item-search.openapi.yml"
    where = "#/paths/~1catalog~1v1~1search/post/requestBody/content/application~1json/schema"
    return [error.message for error in validator(document, where).iter_errors(body)]


@cache
def validator(document: Path, schema: str) -> jsonschema.Draft7Validator:
    """Of a component by its name, or of any part of the document by a reference that starts with ``#``."""
    content = _dispatched(YAML(typ="safe").load(document.read_text()))
    where = schema if schema.startswith("#") else f"#/components/schemas/{schema}"
    return jsonschema.Draft7Validator({"$ref": where, **{part: content[part] for part in ("components", "paths")}})


def _dispatched(schema: Any) -> Any:
    """The schema with each ``oneOf`` that has a discriminator made to choose by it, as OpenAPI 3.0 means it.

    Where there is none ``anyOf`` is meant: every data set also meets that of user data (``DATASETS`` holds the strict
    one), and in the catalogue a property is both a numeric and a character expression.
    """
    if isinstance(schema, list):
        return [_dispatched(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _dispatched(value) for key, value in schema.items()}
    mapping = found.get("discriminator", {}).get("mapping") if isinstance(found.get("discriminator"), dict) else None
    if mapping and "oneOf" in found:
        name = found.pop("discriminator")["propertyName"]
        del found["oneOf"]
        found["properties"] = {**found.get("properties", {}), name: {"enum": sorted(mapping)}}
        found["allOf"] = [
            {"if": {"properties": {name: {"const": value}}}, "then": {"$ref": reference}}
            for value, reference in mapping.items()
        ]
    elif "oneOf" in found:
        found["anyOf"] = found.pop("oneOf")
    return found


class _Handler(Quiet, BaseHTTPRequestHandler):
    hub: ClassVar[Hub]
    items: ClassVar[list[tuple[dict[str, Any], Path]]]
    contracts: ClassVar[Path]
    fault: ClassVar[Fault | None]
    change: ClassVar[Page | None]
    body = b""

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            return  # the client went away
        self.body = body
        name = self.path.rsplit("/", 1)[1]
        with self.hub.lock:
            number = self.hub.calls[name] = self.hub.calls.get(name, 0) + 1
        fault = self.fault
        if fault is not None and fault(self, name, number):
            return
        if name == "token":
            self._token(body)
        elif self.headers.get("Authorization") != "Bearer token-1":
            send(self, 401, b'{"error": "unauthorised"}')
        elif name == "search":
            self._search(json.loads(body))
        else:
            self._process(json.loads(body))

    def _token(self, body: bytes) -> None:
        if f"client_secret={SECRET}".encode() not in body:
            send(self, 401, b'{"error": "invalid_client"}')
            return
        send(self, 200, b'{"access_token": "token-1", "expires_in": 3600}')

    def _search(self, body: dict[str, Any]) -> None:
        errors = search_errors(self.contracts, body)
        with self.hub.lock:
            self.hub.searched.append(body)
            self.hub.refused += errors
        if errors:
            send(self, 400, json.dumps({"code": "BadRequest", "description": errors[0]}).encode())
            return
        first, last = (datetime.fromisoformat(text) for text in body["datetime"].split("/"))
        found = [
            {name: item[name] for name in ("id", "type", "bbox", "geometry", "properties")}
            for item, _ in self.items
            if first <= datetime.fromisoformat(item["properties"]["datetime"]) <= last
        ]
        start = int(body.get("next", 0))
        page = found[start : start + 20]
        context = {"next": start + 20} if start + 20 < len(found) else {}
        answer = {"type": "FeatureCollection", "features": page, "context": context}
        if self.change is not None:
            answer = self.change(answer, self.hub.calls["search"], self.path)
        send(self, 200, json.dumps(answer).encode(), "application/geo+json")

    def _process(self, body: dict[str, Any]) -> None:
        errors = process_errors(self.contracts, body)
        with self.hub.lock:
            self.hub.processed.append(body)
            self.hub.refused += errors
        if errors:
            send(self, 400, json.dumps({"error": errors[0]}).encode())
            return
        asked = json.dumps(body, sort_keys=True)
        image = self.hub.answers.get(asked) or self._tiff(body)
        self.hub.answers[asked] = image
        send(self, 200, image, "image/tiff")

    def _tiff(self, body: dict[str, Any]) -> bytes:
        bounds, output = body["input"]["bounds"], body["output"]
        shape = (output["height"], output["width"])
        epsg = bounds["properties"]["crs"].rsplit("/", 1)[1]
        geobox = GeoBox.from_bbox(tuple(bounds["bbox"]), f"EPSG:{epsg}", shape=shape)
        span = body["input"]["data"][0]["dataFilter"]["timeRange"]
        first, last = (datetime.fromisoformat(span[end]) for end in ("from", "to"))
        item, folder = next(
            (item, folder)
            for item, folder in self.items
            if first <= datetime.fromisoformat(item["properties"]["datetime"]) <= last
        )
        return _pixels(item, folder, geobox, whole='"UINT16"' in body["evalscript"])


def _pixels(item: dict[str, Any], folder: Path, geobox: GeoBox, *, whole: bool) -> bytes:
    """The bands of an item on a grid, as the evalscripts of the source write them: optical in digital numbers."""
    scene = scene_from_item(item, "loopback")
    unit = 10_000 if scene.sensor == "sentinel-2" else 1
    windows = {
        band: Window((folder / asset.href).resolve(), "", 1, 1.0, round(asset.offset * unit), asset.nodata)
        for band, asset in scene.assets.items()
    }
    layer = layer_of(passes([Fetched(scene, windows)])[0], geobox)
    if scene.sensor == "sentinel-1":
        return _encode([layer.bands["vv"], layer.bands["vh"]], "float32", geobox)
    classes = np.zeros(geobox.shape, np.uint16) if layer.scl is None else layer.scl
    wanted = ("blue", "green", "red", "nir", "swir16", "swir22")
    planes = [layer.bands.get(band, layer.bands["nir"]) for band in wanted]
    if whole:
        planes = [np.nan_to_num(np.clip(np.round(plane), 1, 65_535), nan=0) for plane in planes]
    return _encode([*planes, classes], "uint16" if whole else "float32", geobox)


def _encode(planes: list[NDArray[Any]], dtype: str, geobox: GeoBox) -> bytes:
    profile = {
        "driver": "GTiff", "count": len(planes), "dtype": dtype, "height": geobox.shape[0], "width": geobox.shape[1],
        "crs": str(geobox.crs), "transform": geobox.transform, "compress": "deflate",
    }  # fmt: skip
    with MemoryFile() as memory:
        with memory.open(**profile) as target:
            for i, plane in enumerate(planes, 1):
                target.write(plane.astype(dtype), i)
        return bytes(memory.read())


@contextmanager
def sentinel_hub(
    catalogue: Path, contracts: Path, fault: Fault | None = None, change: Page | None = None
) -> Iterator[Hub]:
    """Serve the items of a static catalogue's folder as Sentinel Hub would."""
    items = [(json.loads(path.read_text()), path.parent) for path in sorted(catalogue.glob("*/*.json"))]
    hub = Hub("")
    handler = type(
        "Handler",
        (_Handler,),
        {
            "hub": hub,
            "items": items,
            "contracts": contracts,
            "fault": staticmethod(fault) if fault else None,
            "change": staticmethod(change) if change else None,
        },
    )
    server = Server(("127.0.0.1", 0), handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    with running(server), warnings.catch_warnings():
        # rasterio warns of the identity transform of its own in-memory target
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield hub
