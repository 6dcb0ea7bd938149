"""The rows of a run's vector files: one record a detection, the same in GeoJSON, GeoPackage and KMZ."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import shapely
from shapely.geometry import MultiPolygon, Polygon, shape

from changedet.evidence import Evidence
from changedet.regions import Detection
from changedet.report.plain import whole_text

DIGITS = 7
"""Decimals of a degree: one centimetre (RFC 7946, section 11.2, asks for no more than is meant)."""

Value = int | float | str | bool | datetime | None

FIELDS: Mapping[str, type] = {
    "number": int,
    "kind": str,
    "zone": str,
    "area_m2": float,
    "lon": float,
    "lat": float,
    "onset_after": datetime,
    "onset_before": datetime,
    "p_value": float,
    "score": float,
    "scenes": str,
    "attribution": str,
    "simulated": bool,
}
"""Properties of each record and their types; after these one float ``change_<stack>_<band>`` for each stack and band:
the signed mean change, reflectance for optical bands and dB for radar."""


@dataclass(frozen=True, slots=True)
class Record:
    """One detection as a row."""

    geometry: Polygon | MultiPolygon
    """Longitude, latitude (EPSG:4326), ``DIGITS`` decimals, exterior rings counter-clockwise (RFC 7946)."""
    properties: Mapping[str, Value]


def records(evidence: Evidence) -> tuple[Record, ...]:
    """A row for each detection, in order of their numbers.

    Where any detection has several parts, all geometries are MultiPolygons, for a GeoPackage layer has one type.
    """
    geometries = [_geometry(detection) for detection in evidence.detections]
    if any(isinstance(geometry, MultiPolygon) for geometry in geometries):
        geometries = [g if isinstance(g, MultiPolygon) else MultiPolygon([g]) for g in geometries]
    names = direction_fields(evidence)
    return tuple(
        Record(geometry, _properties(detection, evidence, names))
        for detection, geometry in zip(evidence.detections, geometries, strict=True)
    )


def direction_fields(evidence: Evidence) -> Mapping[tuple[str, str], str]:
    """The field of each stack key and band, over all detections: ``change_sentinel_2_red``."""
    names: dict[tuple[str, str], str] = {}
    for detection in evidence.detections:
        for key, bands in detection.directions.items():
            for band in bands:
                if (key, band) not in names:
                    names[key, band] = _unused(f"change_{key}_{band}", set(names.values()))
    return names


def field_types(evidence: Evidence) -> Mapping[str, type]:
    """``FIELDS`` and the fields of the directions."""
    return {**FIELDS, **dict.fromkeys(direction_fields(evidence).values(), float)}


def _unused(name: str, taken: set[str]) -> str:
    stem = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    candidate, count = stem, 1
    while candidate in taken:
        count += 1
        candidate = f"{stem}_{count}"
    return candidate


def _geometry(detection: Detection) -> Polygon | MultiPolygon:
    geometry = shape(dict(detection.polygon))
    if not isinstance(geometry, (Polygon, MultiPolygon)):
        raise TypeError(f"detection {detection.number}: {geometry.geom_type} is not a Polygon or MultiPolygon")
    rounded = shapely.transform(geometry, lambda points: points.round(DIGITS))
    oriented = shapely.orient_polygons(rounded)
    assert isinstance(oriented, (Polygon, MultiPolygon))
    return oriented


def _properties(detection: Detection, evidence: Evidence, names: Mapping[tuple[str, str], str]) -> Mapping[str, Value]:
    lon, lat = detection.centroid
    values: dict[str, Value] = {
        "number": detection.number,
        "kind": detection.kind,
        "zone": None if detection.zone is None else whole_text(detection.zone),
        "area_m2": round(float(detection.area), 1),
        "lon": round(float(lon), DIGITS),
        "lat": round(float(lat), DIGITS),
        "onset_after": detection.onset.after,
        "onset_before": detection.onset.before,
        "p_value": _short(detection.p_value),
        "score": _short(detection.score),
        "scenes": whole_text("; ".join(detection.scenes)),
        "attribution": whole_text(evidence.attribution),
        "simulated": evidence.simulated,
    }
    for (key, band), name in names.items():
        values[name] = _short(detection.directions.get(key, {}).get(band))
    return values


def _short(value: float | None) -> float | None:
    """Six significant digits, None where there is no finite number."""
    return float(f"{value:.6g}") if value is not None and math.isfinite(value) else None
