"""The ``Stack`` and ``ChangeMap`` contracts, their builders and checks.

A *Stack* is an ``xarray.Dataset`` with dims ``(time, y, x)``: one sensor, and for radar one relative orbit.

- data variables: float32 bands by STAC common name (``blue green red nir swir16 swir22`` as reflectance 0–1,
  or ``vv vh`` as gamma0 linear power); NaN where not ``valid``. ``valid``: bool. Before the cloud step an
  optical stack may also carry ``scl`` (uint8, 0 = none), and ``scene.CLOUD_BANDS`` as they came.
- coords: ``time`` (datetime64[ns], UTC, strictly increasing), ``y``, ``x`` (pixel centres), per time
  ``scene_id`` (ids joined by ``+`` where scenes were fused), ``platform``, ``relative_orbit`` (int, -1 unknown);
  scalar ``spatial_ref``. Steps may add per-time coordinates (``clear_share``, ``shift_y``, …).
- attrs: ``schema``, ``sensor``, ``quantity`` (``reflectance`` | ``gamma0``), ``key`` (unique name of the stack in a
  run, such as ``sentinel-1-orbit-137``), ``simulated`` (0 | 1).

A *ChangeMap* has dims ``(y, x)`` and the variables of ``CHANGE_VARIABLES``. Truth is three-valued: a pixel is
``changed``, or unchanged (``observable`` and not ``changed``), or not observable. Missing data is never "no change".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from changedet import scratch
from changedet.errors import ContractError
from changedet.scene import CLOUD_BANDS, OPTICAL_BANDS, RADAR_BANDS

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from changedet.site import Period, Ring

STACK_SCHEMA = "changedet-stack-1"
CHANGE_SCHEMA = "changedet-change-1"
STRIP = 512
"""Rows of a large array that are filled before their pages are given back."""

CHANGE_VARIABLES: Mapping[str, np.dtype] = {
    "score": np.dtype("float32"),
    "p_value": np.dtype("float32"),
    "changed": np.dtype("bool"),
    "observable": np.dtype("bool"),
    "n_before": np.dtype("int16"),
    "n_after": np.dtype("int16"),
    "onset_after": np.dtype("datetime64[ns]"),
    "onset_before": np.dtype("datetime64[ns]"),
}
"""``score``: larger is more changed, NaN where not observable. ``p_value``: probability of so large a score where
nothing changed. ``onset_after``: last acquisition consistent with "before"; ``onset_before``: first consistent with
"after"; NaT where not changed."""


@dataclass(frozen=True, slots=True)
class Periods:
    """The reference period and the window asked about."""

    before: Period
    after: Period

    def sides(self, stack: xr.Dataset) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Two masks over ``stack.time``: dates of the reference period, dates of the after-window."""
        times = stack.time.values
        before, after = (
            (times >= instant(period.start)) & (times < instant(period.end)) for period in (self.before, self.after)
        )
        return before, after


def instant(moment: datetime) -> np.datetime64:
    """A moment as ``stack.time`` has it: UTC, nanoseconds."""
    return np.datetime64(moment.replace(tzinfo=None), "ns")


def site_geobox(ring: Ring, resolution: float) -> GeoBox:
    """The one grid of a site: UTM of its centre, snapped to the resolution, north up.

    Parameters
    ----------
    ring : closed exterior in longitude, latitude
    resolution : metres
    """
    from odc.geo.geobox import GeoBox
    from odc.geo.geom import polygon

    area = polygon(list(ring), crs="EPSG:4326")
    lon, lat = area.centroid.coords[0]
    zone = int((lon + 180) // 6) % 60 + 1
    epsg = (32600 if lat >= 0 else 32700) + zone
    return GeoBox.from_geopolygon(area.to_crs(f"EPSG:{epsg}", resolution="auto"), resolution=resolution)


def ring_mask(ring: Ring, geobox: GeoBox) -> NDArray[np.bool_]:
    """Pixels of a grid that a ring in longitude, latitude touches: bool (y, x)."""
    from odc.geo.geom import polygon
    from rasterio.features import geometry_mask

    shape = polygon(list(ring), crs="EPSG:4326").to_crs(str(geobox.crs), resolution="auto")
    mask: NDArray[np.bool_] = geometry_mask(
        [shape.geom], out_shape=geobox.shape, transform=geobox.transform, all_touched=True, invert=True
    )
    return mask


@dataclass(frozen=True, slots=True)
class Layer:
    """One date of a stack under construction: physical values on the grid, NaN where there is none."""

    time: datetime
    scene_id: str
    platform: str
    relative_orbit: int
    bands: Mapping[str, NDArray[np.float32]]
    scl: NDArray[np.uint8] | None = None


def build_stack(layers: list[Layer], geobox: GeoBox, *, sensor: str, key: str, simulated: bool = False) -> xr.Dataset:
    """Put layers of one sensor (radar: one orbit) in order of time into a Stack.

    A pixel is ``valid`` where every band of its date is finite. Bands missing from some date are dropped for all.
    """
    layers = sorted(layers, key=lambda layer: (layer.time, layer.scene_id))
    if not layers:
        raise ContractError(f"stack {key}: no layers")
    order = OPTICAL_BANDS if sensor == "sentinel-2" else RADAR_BANDS
    names = [band for band in order if all(band in layer.bands for layer in layers)]
    if not names:
        raise ContractError(f"stack {key}: no band is common to all dates")
    shape = (len(layers), *geobox.shape)
    data = {name: scratch.empty(shape, np.float32) for name in names}
    valid = np.ones(shape, bool)
    for i, layer in enumerate(layers):
        for name in names:
            valid[i] &= np.isfinite(layer.bands[name])
            scratch.release([layer.bands[name]])
        for name in names:
            data[name][i] = layer.bands[name]
            data[name][i][~valid[i]] = np.nan
            scratch.release([data[name], layer.bands[name]])
    variables: dict[str, tuple[tuple[str, ...], NDArray]] = {
        name: (("time", "y", "x"), values) for name, values in data.items()
    }
    variables["valid"] = (("time", "y", "x"), valid)
    if any(layer.scl is not None for layer in layers):
        zero = np.zeros(geobox.shape, np.uint8)
        variables["scl"] = (("time", "y", "x"), np.stack([zero if x.scl is None else x.scl for x in layers]))
    for name in CLOUD_BANDS:
        if all(name in layer.bands for layer in layers):
            variables[name] = (("time", "y", "x"), np.stack([layer.bands[name] for layer in layers]))
    stack = xr.Dataset(
        variables,
        coords={
            **spatial_coords(geobox),
            "time": np.array([instant(layer.time) for layer in layers], "datetime64[ns]"),
            "scene_id": ("time", np.array([layer.scene_id for layer in layers], object)),
            "platform": ("time", np.array([layer.platform for layer in layers], object)),
            "relative_orbit": ("time", np.array([layer.relative_orbit for layer in layers], np.int32)),
        },
        attrs={
            "schema": STACK_SCHEMA,
            "sensor": sensor,
            "quantity": "reflectance" if sensor == "sentinel-2" else "gamma0",
            "key": key,
            "simulated": int(simulated),
        },
    )
    return check_stack(stack)


def spatial_coords(geobox: GeoBox) -> dict[str, xr.DataArray]:
    """``y``, ``x`` and ``spatial_ref`` of a grid, readable by ``odc.geo`` and ``rioxarray``."""
    from odc.geo.xr import xr_coords

    return {str(name): coord for name, coord in xr_coords(geobox, crs_coord_name="spatial_ref").items()}


def geobox_of(dataset: xr.Dataset) -> GeoBox:
    """The grid of a Stack or ChangeMap.

    Raises
    ------
    ContractError
    """
    from odc.geo.geobox import GeoBox
    from odc.geo.xr import ODCExtensionDs

    geobox = ODCExtensionDs(dataset).geobox
    if not isinstance(geobox, GeoBox):
        raise ContractError("the dataset has no grid: spatial_ref, y or x is missing or irregular")
    return geobox


def band_names(stack: xr.Dataset) -> tuple[str, ...]:
    """The bands of a stack in their canonical order."""
    return tuple(name for name in (*OPTICAL_BANDS, *RADAR_BANDS) if name in stack.data_vars)


def check_stack(stack: xr.Dataset) -> xr.Dataset:
    """Return the stack if it meets the contract.

    Raises
    ------
    ContractError
        Naming the part that does not.
    """
    key = stack.attrs.get("key", "?")
    if stack.attrs.get("schema") != STACK_SCHEMA:
        raise ContractError(f"stack {key}: schema is {stack.attrs.get('schema')!r}, not {STACK_SCHEMA!r}")
    names = band_names(stack)
    if not names:
        raise ContractError(f"stack {key}: no band")
    for name in (*names, "valid"):
        want = np.dtype(bool) if name == "valid" else np.dtype("float32")
        if name not in stack or stack[name].dims != ("time", "y", "x") or stack[name].dtype != want:
            raise ContractError(f"stack {key}: {name} must be {want} with dims (time, y, x)")
    times = stack.time.values
    if times.dtype != np.dtype("datetime64[ns]") or (len(times) > 1 and not (np.diff(times) > np.timedelta64(0)).all()):
        raise ContractError(f"stack {key}: time must be datetime64[ns] and strictly increasing")
    for coord in ("scene_id", "platform", "relative_orbit"):
        if coord not in stack.coords or stack.coords[coord].dims != ("time",):
            raise ContractError(f"stack {key}: coordinate {coord} per time is missing")
    if stack.attrs.get("quantity") == "gamma0" and len(set(stack.relative_orbit.values.tolist())) > 1:
        raise ContractError(f"stack {key}: relative orbits are mixed in one radar stack")
    return stack


def change_map(like: xr.Dataset, values: Mapping[str, NDArray], *, detector: str) -> xr.Dataset:
    """A ChangeMap on the grid of ``like`` from arrays by the names of ``CHANGE_VARIABLES``.

    ``score`` and ``p_value`` become NaN, and ``changed`` False, where not observable.
    """
    observable = np.asarray(values["observable"], bool)
    changed = np.asarray(values["changed"], bool) & observable
    filled: dict[str, NDArray] = {}
    # nothing is copied but where it must differ: of a whole tile each array has hundreds of megabytes
    for name, dtype in CHANGE_VARIABLES.items():
        array = np.asarray(values[name], dtype)
        if name in ("score", "p_value") and np.isfinite(array[~observable]).any():
            array = _where(observable, array, np.float32(np.nan))
        elif name == "changed":
            array = changed
        elif name in ("onset_after", "onset_before"):
            array = _where(changed, array, np.datetime64("NaT", "ns"))
        filled[name] = array
    coords = {name: like.coords[name] for name in ("y", "x", "spatial_ref")}
    change = xr.Dataset(
        {name: (("y", "x"), array) for name, array in filled.items()},
        coords=coords,
        attrs={"schema": CHANGE_SCHEMA, "detector": detector, "key": like.attrs.get("key", "")},
    )
    return check_change(change)


def _where(mask: NDArray[np.bool_], values: NDArray, other: np.generic) -> NDArray:
    strips = [slice(top, top + STRIP) for top in range(0, len(values), STRIP)]
    return scratch.joined(values.shape, values.dtype, (np.where(mask[part], values[part], other) for part in strips))


def take_dates(stack: xr.Dataset, dates: NDArray[np.intp]) -> xr.Dataset:
    """The stack of some of its dates, ascending: a view where they follow each other."""
    if len(dates) and len(dates) == dates[-1] - dates[0] + 1:
        return stack.isel(time=slice(int(dates[0]), int(dates[-1]) + 1))
    return stack.isel(time=dates)


def check_change(change: xr.Dataset) -> xr.Dataset:
    """Return the change map if it meets the contract.

    Raises
    ------
    ContractError
    """
    if change.attrs.get("schema") != CHANGE_SCHEMA:
        raise ContractError(f"change map: schema is {change.attrs.get('schema')!r}, not {CHANGE_SCHEMA!r}")
    for name, dtype in CHANGE_VARIABLES.items():
        if name not in change or change[name].dims != ("y", "x") or change[name].dtype != dtype:
            raise ContractError(f"change map: {name} must be {dtype} with dims (y, x)")
    observable = change.observable.values
    if (change.changed.values & ~observable).any():
        raise ContractError("change map: a pixel that is not observable is marked as changed")
    if np.isfinite(change.p_value.values[~observable]).any():
        raise ContractError("change map: a pixel that is not observable has a p-value")
    return change
