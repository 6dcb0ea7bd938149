"""Simulated quiet stacks, and steps put into them, for the tests of detectors over many dates."""

from datetime import UTC, datetime, timedelta

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from changedet.site import Period
from changedet.stack import Layer, Periods, build_stack

START = datetime(2020, 1, 1, 6, tzinfo=UTC)


def geobox(shape: tuple[int, int]) -> GeoBox:
    return GeoBox.from_bbox(
        (500000, 4000000, 500000 + 10 * shape[1], 4000000 + 10 * shape[0]), "EPSG:32637", resolution=10
    )


def stack_of(bands: dict[str, NDArray], *, sensor: str = "sentinel-1", every: int = 12) -> xr.Dataset:
    """A stack of ``(time, y, x)`` arrays, one date every ``every`` days."""
    n, *shape = next(iter(bands.values())).shape
    layers = [
        Layer(
            START + timedelta(days=every * i),
            f"scene-{i}",
            "sentinel-1a",
            37,
            {name: np.asarray(values[i], np.float32) for name, values in bands.items()},
        )
        for i in range(n)
    ]
    return build_stack(layers, geobox((shape[0], shape[1])), sensor=sensor, key=f"{sensor}-orbit-37")


def radar(rng: np.random.Generator, dates: int, shape: tuple[int, int], looks: float = 4.4) -> dict[str, NDArray]:
    """Speckle on ground of varying brightness, VV and VH, gamma0 linear."""
    ground = 0.1 * np.exp(rng.normal(0, 0.4, shape))
    return {
        name: (level * ground * rng.gamma(looks, 1 / looks, (dates, *shape))).astype(np.float32)
        for name, level in (("vv", 1.0), ("vh", 0.2))
    }


def lingering_radar(rng: np.random.Generator, dates: int, shape: tuple[int, int], keep: float) -> dict[str, NDArray]:
    """As ``radar`` at five looks, with speckle whose amplitude correlates by ``keep`` from one date to the next."""
    field = rng.normal(size=(dates, 2, 2, 5, *shape)).astype(np.float32)
    for t in range(1, dates):
        field[t] = keep * field[t - 1] + np.sqrt(1 - keep**2) * field[t]
    speckle = (field**2).mean((2, 3))
    ground = 0.1 * np.exp(rng.normal(0, 0.4, shape))
    return {name: level * ground * speckle[:, i] for i, (name, level) in enumerate((("vv", 1.0), ("vh", 0.2)))}


def optical(rng: np.random.Generator, dates: int, shape: tuple[int, int]) -> dict[str, NDArray]:
    """Ground with correlated noise in four bands, reflectance."""
    ground = rng.uniform(0.1, 0.3, shape)
    common = rng.normal(0, 0.008, (dates, *shape))
    return {
        name: (level * ground + common + rng.normal(0, 0.004, (dates, *shape))).astype(np.float32)
        for name, level in (("blue", 0.5), ("green", 0.7), ("red", 0.9), ("nir", 1.4))
    }


def periods(before: int, after: int, every: int = 12) -> Periods:
    """The first ``before`` dates, and the ``after`` dates that follow."""
    first = START.date()
    return Periods(
        Period(first=first, last=first + timedelta(days=every * (before - 1))),
        Period(first=first + timedelta(days=every * before), last=first + timedelta(days=every * (before + after - 1))),
    )


def instant(index: int, every: int = 12) -> np.datetime64:
    return np.datetime64((START + timedelta(days=every * index)).replace(tzinfo=None), "ns")
