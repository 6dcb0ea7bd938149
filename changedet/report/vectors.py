"""Detections for mapping tools: ``detections.geojson`` and ``detections.gpkg``, from the same records as the KMZ."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError
from pyogrio.raw import write as write_layer
from shapely.geometry import mapping

from changedet.evidence import Evidence
from changedet.report.plain import iso, json_bytes
from changedet.report.records import Record, Value, field_types, records

LAYER = "detections"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UTC_FLAG = 100
"""OGR's code for "UTC" in a datetime field."""


def write(evidence: Evidence, folder: Path) -> tuple[Path, ...]:
    """Write ``detections.geojson`` (RFC 7946) and ``detections.gpkg`` into ``folder``.

    Raises
    ------
    OSError
        When a file cannot be written.
    """
    rows = records(evidence)
    geojson = folder / "detections.geojson"
    geojson.write_bytes(json_bytes(feature_collection(rows)))
    geopackage = folder / "detections.gpkg"
    try:
        _write_geopackage(rows, field_types(evidence), geopackage)
        _settle(geopackage, max((scene.time for scene in evidence.scenes), default=EPOCH))
    except (sqlite3.Error, DataSourceError, DataLayerError, FeatureError) as error:
        raise OSError(f"{geopackage.name}: {error}") from error
    return geojson, geopackage


def feature_collection(rows: tuple[Record, ...]) -> Mapping[str, object]:
    """The records as a GeoJSON FeatureCollection; no ``crs`` member, for RFC 7946 knows only longitude, latitude."""
    return {"type": "FeatureCollection", "features": [_feature(row) for row in rows]}


def _feature(row: Record) -> Mapping[str, object]:
    return {
        "type": "Feature",
        "id": row.properties["number"],
        "bbox": list(row.geometry.bounds),
        "geometry": mapping(row.geometry),
        "properties": {
            name: iso(value) if isinstance(value, datetime) else value for name, value in row.properties.items()
        },
    }


def _write_geopackage(rows: tuple[Record, ...], types: Mapping[str, type], path: Path) -> None:
    path.unlink(missing_ok=True)
    geometries = np.array([row.geometry for row in rows], object)
    several = any(row.geometry.geom_type == "MultiPolygon" for row in rows)
    write_layer(
        str(path),
        shapely.to_wkb(geometries).astype(object),
        [_column([row.properties[name] for row in rows], kind) for name, kind in types.items()],
        list(types),
        layer=LAYER,
        driver="GPKG",
        geometry_type="MultiPolygon" if several else "Polygon",
        crs="EPSG:4326",
        dataset_options={"VERSION": "1.2"},  # newer ones make the GDAL of stable distributions complain
        gdal_tz_offsets={
            name: np.full(len(rows), _UTC_FLAG, np.int8) for name, kind in types.items() if kind is datetime
        },
    )


def _column(values: list[Value], kind: type) -> NDArray:
    if kind is datetime:
        naive = [
            value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else None for value in values
        ]
        return np.array(naive, "datetime64[ms]")
    if kind is str:
        return np.array(values, object)
    if kind is float:
        return np.array([np.nan if value is None else value for value in values], np.float64)
    return np.array(values, np.int32 if kind is int else np.bool_)


def _settle(path: Path, moment: datetime) -> None:
    """Replace what depends on the time of writing, so that the same evidence gives the same bytes.

    Offsets from "Database File Format" of SQLite, section 1.3: the file change counter and its copy.
    """
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("UPDATE gpkg_contents SET last_change = ?", (text,))
        database.execute("VACUUM")  # rows that were replaced stay in the free space of a page, with their times
    with path.open("r+b") as file:
        for offset in (24, 92):
            file.seek(offset)
            file.write((1).to_bytes(4, "big"))
