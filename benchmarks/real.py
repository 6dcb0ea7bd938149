"""Real stacks for the benchmarks over many dates, read on their native grids; see the data folder's README."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import rasterio
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy.ndimage import binary_dilation

from changedet.site import Period
from changedet.stack import Layer, Periods, build_stack

BURSTS = ("t137-292319-iw2", "t137-292320-iw2", "t137-292321-iw2")
CLEAR = (4, 5, 6, 7)
"""Classes of the scene classification that show the ground: vegetation, bare soil, water, unclassified."""
OPTICAL = ("blue", "green", "red", "nir")


def _read(path: Path) -> tuple[NDArray, GeoBox]:
    with rasterio.open(path) as source:
        return source.read(1), GeoBox((source.height, source.width), source.transform, source.crs)


def rtc_stack(data: Path, burst: str) -> xr.Dataset:
    """One burst of OPERA RTC-S1: VV and VH, linear gamma0, 30 m."""
    layers = []
    for path in sorted((data / "rtc" / burst).glob("*-vv.tif")):
        vv, grid = _read(path)
        vh, _ = _read(path.with_name(path.name.replace("-vv", "-vh")))
        time = datetime.strptime(path.name[:8], "%Y%m%d").replace(tzinfo=UTC)
        layers.append(Layer(time, path.name[:8], "sentinel-1a", 137, {"vv": vv, "vh": vh}))
    return build_stack(layers, grid, sensor="sentinel-1", key="sentinel-1-orbit-137")


def romania_stack(data: Path, grow: int = 2) -> xr.Dataset:
    """Sentinel-2 over 1 km², 10 m; not clear by its classification, grown by ``grow`` pixels, is missing."""
    layers = []
    for path in sorted((data / "romania").glob("*/*-red.tif")):
        scl, grid = _read(path.with_name(path.name.replace("-red", "-scl")))
        hidden = binary_dilation(~np.isin(scl, CLEAR), iterations=grow) if grow else ~np.isin(scl, CLEAR)
        bands = {}
        for name in OPTICAL:
            number, _ = _read(path.with_name(path.name.replace("-red", f"-{name}")))
            bands[name] = np.where(hidden | (number == 0), np.nan, number / 10_000).astype(np.float32)
        time = datetime.strptime(path.name[:8], "%Y%m%d").replace(tzinfo=UTC)
        layers.append(Layer(time, path.name[:8], "sentinel-2", -1, bands))
    return build_stack(layers, grid, sensor="sentinel-2", key="sentinel-2")


def forest_stack(data: Path) -> xr.Dataset:
    """Sentinel-1 of ``ddl8s1ts``, 30 m; slices of one pass are one date."""
    with np.load(data / "ddl8s1ts" / "s1_stack.npz") as archive:
        numbers, stamps = archive["centi_db"].astype(np.float32), [str(s) for s in archive["dates"]]
    power = np.where(numbers == -32768, np.nan, 10 ** (numbers / 1000))
    grid = GeoBox((120, 120), Affine(30, 0, 806880, 0, -30, 2147820), "EPSG:32646")
    layers = []
    for day in sorted({stamp[:8] for stamp in stamps}):
        slices = [i for i, stamp in enumerate(stamps) if stamp.startswith(day)]
        parts, n = power[slices], np.isfinite(power[slices]).sum(0)
        mean = np.where(n > 0, np.nansum(parts, 0) / np.maximum(n, 1), np.nan).astype(np.float32)
        time = datetime.strptime(stamps[slices[0]], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        layers.append(Layer(time, day, "sentinel-1a", -1, {"vv": mean[0], "vh": mean[1]}))
    return build_stack(layers, grid, sensor="sentinel-1", key="sentinel-1")


def days_of(stack: xr.Dataset) -> list[date]:
    """The UTC days of a stack."""
    return [date.fromisoformat(str(t)[:10]) for t in stack.time.values]


def split(stack: xr.Dataset, first_after: int, after: int, first: int = 0) -> Periods:
    """Before: dates ``first`` to the one before ``first_after``; after: the ``after`` dates from it on."""
    days = days_of(stack)
    return Periods(
        Period(first=days[first], last=days[first_after - 1]),
        Period(first=days[first_after], last=days[first_after + after - 1]),
    )


def bootstrap(values: Sequence[float], draws: int = 2000, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the mean, windows drawn with replacement: pixels of one window are not independent."""
    rng = np.random.default_rng(seed)
    v = np.asarray(values, float)
    means = v[rng.integers(0, len(v), (draws, len(v)))].mean(1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))
