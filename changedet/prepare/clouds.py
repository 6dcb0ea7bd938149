"""Masks clouds, their shadows and snow by the scene classification, and measures how much of the site each date shows.

Classes of SCL as of the Sentinel-2 L2A Algorithm Theoretical Basis Document (S2-PDGS-MPC-ATBD-L2A, 2021), table 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field
from scipy import ndimage

from changedet import scratch
from changedet.stack import band_names, check_stack, geobox_of, take_dates
from changedet.values import Frozen

NO_DATA, SATURATED, CLOUD_SHADOW = 0, 1, 3
CLOUD_MEDIUM, CLOUD_HIGH, CIRRUS, SNOW = 8, 9, 10, 11
OPAQUE = (CLOUD_SHADOW, CLOUD_MEDIUM, CLOUD_HIGH)
PERSISTENT = 0.6
"""A pixel called cloud on this share of the dates on which its surroundings are clear is a bright roof, not a cloud."""

STRIP = 512
"""Rows at a time: a distance transform takes forty bytes a pixel."""


class Config(Frozen):
    """How far masks reach and how much must remain."""

    dilation: float = Field(default=40, ge=0, le=500, description="metres added around clouds and shadows")
    thin_dilation: float = Field(default=20, ge=0, le=500, description="metres added around cirrus and snow")
    least_clear: float = Field(default=0.4, ge=0, le=1, description="share of the facility that a date must show")


@dataclass(frozen=True, slots=True)
class Roofs:
    """Small bright objects that the classification calls cloud on most clear dates; clouds move, roofs stay.

    Judged on dates where cloud covers less than a fifth of the area; with fewer than 8 such dates nothing is judged.
    """

    cloud: NDArray[np.int32]
    """Clear dates on which a pixel is called cloud. (y, x)"""
    seen: NDArray[np.int32]
    """Clear dates on which it is classified. (y, x)"""
    dates: int
    """Clear dates."""

    @classmethod
    def count(cls, scl: NDArray[np.uint8]) -> Roofs:
        """Of classifications (time, y, x)."""
        cloud = np.isin(scl, (CLOUD_MEDIUM, CLOUD_HIGH))
        seen = scl != NO_DATA
        share = cloud.sum((1, 2)) / np.maximum(seen.sum((1, 2)), 1)
        clear = (share < 0.2) & (seen.mean((1, 2)) > 0.5)
        return cls(cloud[clear].sum(0, dtype=np.int32), seen[clear].sum(0, dtype=np.int32), int(clear.sum()))

    def __add__(self, other: Roofs) -> Roofs:
        return Roofs(self.cloud + other.cloud, self.seen + other.seen, self.dates + other.dates)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Which pixels are roofs. (y, x)"""
        if self.dates < 8:
            return np.zeros(self.cloud.shape, bool)
        return np.asarray(self.cloud > PERSISTENT * np.maximum(self.seen, 1))


def mask_clouds(stack: xr.Dataset, config: Config, roofs: NDArray[np.bool_] | None = None) -> xr.Dataset:
    """The stack without ``scl``: hidden pixels are no longer valid. A stack without ``scl`` returns unchanged.

    Parameters
    ----------
    stack : Stack with ``scl`` (time, y, x)
    roofs : bool (y, x), that are no clouds; by default those of the stack's own dates
    """
    if "scl" not in stack:
        return stack
    cell = abs(float(geobox_of(stack).resolution.x))
    far, near = config.dilation / cell, config.thin_dilation / cell
    scl = stack.scl.values
    roofs = Roofs.count(scl).mask if roofs is None else roofs
    valid = stack.valid.values.copy()
    for i, classes in enumerate(scl):
        opaque = np.isin(classes, OPAQUE) & ~roofs
        thin = np.isin(classes, (CIRRUS, SNOW, SATURATED)) & ~roofs
        hidden = _dilated(opaque, far) | _dilated(thin, near) | (classes == NO_DATA)
        valid[i] &= ~hidden
    return with_valid(stack.drop_vars("scl"), valid)


def clear_shares(stack: xr.Dataset, facility: NDArray[np.bool_]) -> xr.Dataset:
    """Add the coordinate ``clear_share``: the share of the facility's pixels that are valid, per date.

    Parameters
    ----------
    facility : bool (y, x)
    """
    pixels = max(int(facility.sum()), 1)
    shares = np.array([np.count_nonzero(date & facility) for date in stack.valid.values]) / pixels
    return stack.assign_coords(clear_share=("time", shares.astype(np.float32)))


def keep_clear(stack: xr.Dataset, least: float) -> tuple[xr.Dataset, tuple[tuple[str, float], ...]]:
    """Only the dates with at least ``least`` of the facility clear; and the scene ids dropped, each with its share."""
    shares = stack.clear_share.values
    keep = shares >= least
    dropped = tuple((str(stack.scene_id.values[i]), float(shares[i])) for i in np.flatnonzero(~keep))
    return take_dates(stack, np.flatnonzero(keep)), dropped


def with_valid(stack: xr.Dataset, valid: NDArray[np.bool_]) -> xr.Dataset:
    """The stack with other ``valid``, bool (time, y, x); values are NaN where it is False."""
    masked: dict[str, tuple[tuple[str, ...], NDArray]] = {"valid": (("time", "y", "x"), valid)}
    for name in band_names(stack):
        values = stack[name].values
        band = scratch.empty(values.shape, values.dtype)
        for i, date in enumerate(values):
            band[i] = date
            band[i][~valid[i]] = np.nan
            scratch.release([band, values])
        masked[name] = (("time", "y", "x"), band)
    return check_stack(stack.assign(masked))


def _dilated(mask: NDArray[np.bool_], reach: float) -> NDArray[np.bool_]:
    """The mask grown by ``reach`` pixels in every direction."""
    if reach <= 0 or not mask.any():
        return mask
    grown = np.zeros_like(mask)
    halo = math.ceil(reach)
    for top in range(0, len(mask), STRIP):
        first = max(0, top - halo)
        part = mask[first : top + STRIP + halo]
        if part.any():
            near = ndimage.distance_transform_edt(~part) <= reach
            grown[top : top + STRIP] = near[top - first :][:STRIP]
    return grown
