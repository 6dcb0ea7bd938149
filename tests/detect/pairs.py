"""Two dates of textured ground whose change is known."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage

from changedet.site import Period
from changedet.stack import Layer, Periods, build_stack

SIDE = 160
SIX = ("blue", "green", "red", "nir", "swir16", "swir22")
PERIODS = Periods(
    Period(first="2024-06-01", last="2024-06-30"),
    Period(first="2024-07-01", last="2024-07-31"),
)
BUILT = np.zeros((SIDE, SIDE), bool)
BUILT[60:76, 90:110] = True
"""320 pixels, 1.25 % of the map."""


def textured(seed: int, bands: int, side: int = SIDE) -> NDArray[np.float64]:
    """Dark ground, reflectance 0.1 … 0.3, of patches about 4 pixels wide whose bands go together."""
    rng = np.random.default_rng(seed)
    shared = ndimage.gaussian_filter(rng.normal(size=(side, side)), 2)
    own = np.stack([ndimage.gaussian_filter(rng.normal(size=(side, side)), 2) for _ in range(bands)])
    return 0.2 + 0.03 * (shared + 0.4 * own) / shared.std()


def stack_of(before: NDArray, after: NDArray, names: tuple[str, ...], sensor: str = "sentinel-2") -> xr.Dataset:
    """Arrays (bands, y, x) as a Stack of 2024-06-20 and 2024-07-10."""
    height, width = before.shape[1:]
    grid = GeoBox.from_bbox(
        (600_000, 3_900_000, 600_000 + 10 * width, 3_900_000 + 10 * height), "EPSG:32637", resolution=10
    )
    layers = [
        Layer(day, f"{sensor}-{day:%m%d}", sensor, 21, dict(zip(names, image.astype(np.float32), strict=True)))
        for day, image in ((datetime(2024, 6, 20, tzinfo=UTC), before), (datetime(2024, 7, 10, tzinfo=UTC), after))
    ]
    return build_stack(layers, grid, sensor=sensor, key=sensor)


def built(names: tuple[str, ...] = SIX, seed: int = 0) -> xr.Dataset:
    """Ground seen through noise twice, the second time under haze, with bright roofs on ``BUILT`` in the second."""
    ground = textured(seed, len(names))
    rng = np.random.default_rng(seed + 1)
    after = 0.8 * ground + 0.05
    after[:, BUILT] += 0.15
    return stack_of(ground + rng.normal(0, 0.004, ground.shape), after + rng.normal(0, 0.004, ground.shape), names)


def speckled(changed: NDArray[np.bool_], seed: int = 0) -> xr.Dataset:
    """Sentinel-1 of 20 looks, gamma0 0.1 and 0.02, six decibels lower on ``changed`` in the second date."""
    rng = np.random.default_rng(seed)
    level = np.array([0.1, 0.02])[:, None, None] * np.ones((2, SIDE, SIDE))
    fallen = np.where(changed, level / 4, level)
    before, after = (mean * rng.gamma(20, 1 / 20, mean.shape) for mean in (level, fallen))
    return stack_of(before, after, ("vv", "vh"), "sentinel-1")


def auroc(score: NDArray, truth: NDArray[np.bool_]) -> float:
    """Share of pairs of a changed and an unchanged pixel in which the changed one has the larger score."""
    from scipy.stats import rankdata

    seen = np.isfinite(score)
    ranks, positive = rankdata(score[seen]), truth[seen]
    n = int(positive.sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(positive) - n)))
