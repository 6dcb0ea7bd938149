"""Which pixels of the grid a detection covers, and which flagged pixels no detection covers."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geom import Geometry
from rasterio.features import geometry_mask

from changedet.evidence import Evidence
from changedet.regions import Detection
from changedet.stack import geobox_of


def grid_shape(detection: Detection, grid: xr.Dataset) -> Geometry:
    """The outline in the coordinates of the grid."""
    crs = geobox_of(grid).crs
    assert crs is not None
    return Geometry(dict(detection.polygon), "EPSG:4326").to_crs(crs)


def outline_mask(detection: Detection, grid: xr.Dataset) -> NDArray[np.bool_]:
    """Pixels of the grid inside the outline, dims (y, x); every pixel touched where no centre lies inside."""
    geobox = geobox_of(grid)
    shape = grid_shape(detection, grid)
    for touched in (False, True):
        mask = geometry_mask(
            [shape.json], out_shape=tuple(geobox.shape), transform=geobox.affine, all_touched=touched, invert=True
        )
        if mask.any():
            break
    return np.asarray(mask, bool)


def lone_pixels(evidence: Evidence) -> NDArray[np.bool_]:
    """Pixels, dims (y, x), that passed the pixel threshold but belong to no place that was found."""
    lone = np.array(evidence.change.changed.values, bool)
    if lone.any() and evidence.detections:
        geobox = geobox_of(evidence.change)
        shapes = [grid_shape(detection, evidence.change).json for detection in evidence.detections]
        lone &= geometry_mask(shapes, out_shape=tuple(geobox.shape), transform=geobox.affine, all_touched=True)
    return lone
