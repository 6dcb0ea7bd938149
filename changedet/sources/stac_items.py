"""A STAC item, as the archives really publish them, to a ``Scene``.

Items are read as plain JSON: each archive words the same facts differently, and some words are wrong.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, get_args

from changedet.scene import (
    CLASSIFICATION,
    CLOUD_BANDS,
    OPTICAL_BANDS,
    RADAR_BANDS,
    Asset,
    OrbitDirection,
    Scene,
    Sensor,
)

Json = Mapping[str, Any]

OFFSET_BASELINE = 4.0
"""First processing baseline whose digital numbers carry an offset of 1000 (25 January 2022)."""
REFLECTANCE_SCALE = 1e-4
REFLECTANCE_OFFSET = -0.1

_BAND_NUMBERS = {
    "b02": "blue",
    "b03": "green",
    "b04": "red",
    "b08": "nir",
    "b11": "swir16",
    "b12": "swir22",
    "scl": "scl",
    "gamma0_vv": "vv",
    "gamma0_vh": "vh",
}
_EXTRA_NAMES = {
    "b01": "coastal",
    "b05": "rededge1",
    "b8a": "nir08",
    "b09": "nir09",
    "b10": "cirrus",
    **{name: name for name in CLOUD_BANDS},
}
_PRODUCT = re.compile(r"_N(?P<baseline>\d{4})_R(?P<orbit>\d{3})_T(?P<tile>\d{2}[A-Z]{3})")
MAX_ORBIT = 175
"""Relative orbits of Sentinel-1; Sentinel-2 has 143."""
MAX_CORNERS = 100_000
_MAX_TEXT = 300


class UnreadableItemError(ValueError):
    """The item lacks what a Scene needs."""


def scene_from_item(
    item: Json, source: str, hrefs: Mapping[str, str] | None = None, extra: tuple[str, ...] = ()
) -> Scene:
    """The Scene that an item describes.

    Parameters
    ----------
    item : a STAC Item 1.0 or 1.1 as JSON
    source : where it was found
    hrefs : absolute address by asset key; by default the item's own
    extra : bands of ``scene.CLOUD_BANDS`` to read as well

    Raises
    ------
    UnreadableItemError
        Naming what is missing.
    """
    try:
        properties, identity = item["properties"], _text(str(item["id"]))
        sensor = _sensor(item)
        time = _time(properties)
        facts = _product_facts(item)
        baseline = facts["baseline"]
        level = _level(item)
        notes: list[str] = []
        assets: dict[str, Asset] = {}
        for band, key in _bands(item["assets"], sensor, extra).items():
            raw = item["assets"][key]
            scale, offset, words = _scale_offset(raw, band, sensor, baseline, properties)
            notes.extend(word for word in words if word not in notes)
            assets[band] = _asset(raw, (hrefs or {}).get(key, str(raw["href"])), scale, offset)
        return Scene(
            source=source,
            id=identity,
            time=time,
            sensor=sensor,
            platform=_text(properties.get("platform")).lower().replace(" ", "-") or sensor,
            collection=_text(item.get("collection")) or None,
            relative_orbit=facts["orbit"],
            orbit_direction=_direction(properties),
            level=level,
            baseline=baseline,
            product=facts["product"],
            tile=facts["tile"],
            footprint=_footprint(item),
            cloud_share=_number(properties.get("eo:cloud_cover")),
            assets=assets,
            simulated=properties.get("changedet:simulated") is True,
            notes=tuple(notes),
        )
    except UnreadableItemError:
        raise
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError) as error:
        raise UnreadableItemError(f"item {_text(item.get('id', '?'))!r} is not a STAC item: {error!r}") from error


def _text(value: object) -> str:
    """As text for logs and reports: without control characters, nor those that turn the direction of writing."""
    text = str(value)[:_MAX_TEXT] if value is not None else ""
    if text.isprintable():
        return text
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in ("Cc", "Cf", "Cs") else c for c in text)


def _number(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _sensor(item: Json) -> Sensor:
    properties = item["properties"]
    for word in (properties.get("constellation"), properties.get("platform"), item.get("collection")):
        text = _text(word).lower().replace(" ", "-").replace("sentinel1", "sentinel-1")
        sensors: tuple[Sensor, ...] = get_args(Sensor)
        for sensor in sensors:
            if sensor in text:
                return sensor
    raise UnreadableItemError(f"item {_text(item.get('id'))!r} is neither sentinel-1 nor sentinel-2")


def _time(properties: Json) -> datetime:
    text = properties.get("datetime") or properties.get("start_datetime")
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise UnreadableItemError(f"datetime {_text(text)!r} is not RFC 3339") from error
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def _product_facts(item: Json) -> dict[str, Any]:
    """Baseline, relative orbit and tile: the item's own properties first, then the product's name."""
    properties = item["properties"]
    product = _text(
        properties.get("s2:product_uri") or properties.get("s1:product_identifier") or properties.get("s2:granule_id")
    )
    named = _PRODUCT.search(product) or _PRODUCT.search(_text(item["id"]))
    baseline = _text(properties.get("s2:processing_baseline") or properties.get("processing:version"))
    if not re.fullmatch(r"\d{2}\.\d{2}", baseline):
        baseline = f"{named['baseline'][:2]}.{named['baseline'][2:]}" if named else ""
    orbit = properties.get("sat:relative_orbit")
    if not isinstance(orbit, int) or not 1 <= orbit <= MAX_ORBIT:
        orbit = int(named["orbit"]) if named else None
    tile = _text(properties.get("grid:code")).removeprefix("MGRS-") or _text(
        properties.get("s2:mgrs_tile") or properties.get("sentinel:mgrs") or properties.get("opera:burst_id")
    )
    return {
        "product": product or None,
        "baseline": baseline or None,
        "orbit": orbit,
        "tile": tile or (named["tile"] if named else None),
    }


def _level(item: Json) -> str | None:
    properties = item["properties"]
    product_type = _text(properties.get("s2:product_type"))
    if product_type.startswith("S2MSI"):
        return f"L{product_type[5:]}"
    radar = _text(properties.get("sar:product_type"))
    return radar or _text(properties.get("processing:level")) or None


def _direction(properties: Json) -> OrbitDirection | None:
    state = properties.get("sat:orbit_state")
    return state if state in get_args(OrbitDirection) else None


def _footprint(item: Json) -> tuple[tuple[float, float], ...]:
    geometry = item.get("geometry")
    if geometry and geometry["type"] in ("Polygon", "MultiPolygon"):
        rings = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
        ring = max((polygon[0] for polygon in rings), key=len)
    else:
        west, south, *rest = item["bbox"]
        east, north = rest[-3:-1] if len(rest) == 4 else rest
        ring = ((west, south), (east, south), (east, north), (west, north), (west, south))
    if not 4 <= len(ring) <= MAX_CORNERS:
        raise UnreadableItemError(f"item {_text(item.get('id'))!r} has a footprint of {len(ring)} corners")
    corners = tuple((float(p[0]), float(p[1])) for p in ring)
    # longitudes beyond 180 are how some archives write the antimeridian
    if not all(abs(lon) <= 540 and abs(lat) <= 90 for lon, lat in corners):
        raise UnreadableItemError(f"item {_text(item.get('id'))!r} has a footprint outside the world")
    return corners


def _bands(assets: Json, sensor: Sensor, extra: tuple[str, ...]) -> dict[str, str]:
    """Asset key by band: GeoTIFF before JPEG 2000, then the finest resolution, then the one named like the band."""
    wanted = (*OPTICAL_BANDS, CLASSIFICATION, *extra) if sensor == "sentinel-2" else RADAR_BANDS
    ranked: dict[str, list[tuple[tuple[Any, ...], str]]] = {}
    for key, raw in assets.items():
        band = _band_of(key, raw, wanted)
        if band is not None:
            is_tiff = "tiff" in _text(raw.get("type")).lower()
            ranked.setdefault(band, []).append(((not is_tiff, _resolution(raw) or 0.0, key.lower() != band, key), key))
    return {band: min(ranked[band])[1] for band in wanted if band in ranked}


def _band_of(key: str, raw: Json, wanted: tuple[str, ...]) -> str | None:
    kind = _text(raw.get("type")).lower()
    roles = raw.get("roles") or ["data"]
    if ("tiff" not in kind and "jp2" not in kind) or "data" not in roles:
        return None
    bands = raw.get("eo:bands") or raw.get("bands") or []
    if len(bands) > 1:
        return None
    common = _text((bands[0].get("common_name") or bands[0].get("eo:common_name")) if bands else None).lower()
    names = (common,) if common else (key, _text(bands[0].get("name")) if bands else "")
    usual = next((band for stem in map(_stem, names) if (band := _BAND_NUMBERS.get(stem, stem)) in wanted), None)
    if usual is not None or not set(CLOUD_BANDS) & set(wanted):
        return usual
    # three bands share the common name `rededge`: these are told apart by key and number
    own = (key, _text(bands[0].get("name")) if bands else "")
    return next((band for stem in map(_stem, own) if (band := _EXTRA_NAMES.get(stem, "")) in wanted), None)


def _stem(name: str) -> str:
    return re.sub(r"[_-](10|20|60)m$", "", name.lower())


def _raster(raw: Json) -> Json:
    bands = raw.get("raster:bands") or raw.get("bands") or []
    first: Json = bands[0] if bands else {}
    prefixed = {k.removeprefix("raster:"): v for k, v in first.items()}
    return {**{k.removeprefix("raster:"): raw[k] for k in ("raster:scale", "raster:offset") if k in raw}, **prefixed}


def _resolution(raw: Json) -> float | None:
    stated = _number(_raster(raw).get("spatial_resolution")) or _number(raw.get("gsd"))
    return stated if stated is not None and 0.1 <= stated <= 10_000 else None


def _scale_offset(
    raw: Json, band: str, sensor: Sensor, baseline: str | None, properties: Json
) -> tuple[float, float, tuple[str, ...]]:
    """Scale and offset that turn digital numbers into reflectance, and what contradicts them.

    Since baseline 04.00 reflectance is (DN − 1000)/10000 (Sentinel-2 Products Specification Document, PSD 14.9). A
    flag that the offset was already applied to the pixels outranks ``raster:bands``, which archives leave at −0.1.
    """
    if sensor == "sentinel-1" or band == CLASSIFICATION:
        words = _raster(raw)
        return _number(words.get("scale")) or 1.0, _number(words.get("offset")) or 0.0, ()
    words = _raster(raw)
    scale = _number(words.get("scale")) or REFLECTANCE_SCALE
    stated = _number(words.get("offset"))
    applied = properties.get("earthsearch:boa_offset_applied")
    carries = baseline is not None and float(baseline) >= OFFSET_BASELINE
    if applied is True:
        note = "raster:bands states an offset although boa_offset_applied is true; the offset is taken as applied"
        return scale, 0.0, (note,) if stated else ()
    if baseline is None:
        return scale, stated or 0.0, ()
    right = REFLECTANCE_OFFSET if carries else 0.0
    if stated is not None and abs(stated - right) > 1e-6:
        note = f"raster:bands states offset {stated:g}, baseline {baseline} means {right:g}; the baseline was followed"
        return scale, right, (note,)
    return scale, right, ()


def _asset(raw: Json, href: str, scale: float, offset: float) -> Asset:
    words = _raster(raw)
    nodata = words.get("nodata")
    return Asset(
        href=href,
        scale=scale,
        offset=offset,
        nodata=float("nan") if isinstance(nodata, str) and nodata.lower() == "nan" else _number(nodata),
        checksum=_text(raw.get("file:checksum")) or None,
        size=int(raw["file:size"]) if isinstance(raw.get("file:size"), int) else None,
        resolution=_resolution(raw),
    )
