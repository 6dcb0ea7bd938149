"""The rows of a vector file, as pyogrio reads them from any format."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyogrio.raw import read

from changedet.report.plain import iso
from changedet.report.words import utc


def as_text(value: Any) -> str:
    """One way to say a value, whatever type a format gave it."""
    if value is None or str(value) in ("", "nan", "NaT"):
        return ""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, np.datetime64):
        return iso(utc(value))
    if isinstance(value, (bool, np.bool_)):
        return str(int(value))
    return str(value.item() if isinstance(value, np.generic) else value)


def rows_of(path: Path) -> list[tuple[str, dict[str, str]]]:
    """Geometry and attributes as pyogrio reads them."""
    meta, _, geometries, columns = read(str(path), layer="detections")
    names = [str(name) for name in meta["fields"]]
    return [
        (
            shapely.normalize(shapely.from_wkb(geometry)).wkt,
            {name: as_text(column[i]) for name, column in zip(names, columns, strict=True)},
        )
        for i, geometry in enumerate(geometries)
    ]
