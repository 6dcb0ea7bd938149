"""PWTT, the pixel-wise t test on radar (Ballinger 2024, "Open access battle damage detection"), to compare with.

As published: each date through a 3×3 Lee filter at 5 looks, the natural logarithm, a t test of the dates after against
the dates before, the larger |t| of VV and VH, the mean of that map and of its means over circles of 50, 100 and 150 m;
a pixel is changed where the result exceeds 3.3. Its package pools the variances; its repository later took Welch's.
Left out are what stands around the test in its script: a median of neighbours and a mask of built-up land.
The p-values are Student's, as the method would state them: they are not calibrated, see ``docs/benchmarks.md``.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field
from scipy import ndimage, stats

from changedet.errors import InputError
from changedet.stack import Periods, band_names, change_map, check_stack
from changedet.values import DetectorConfig

Array = NDArray[np.float64]


class Config(DetectorConfig):
    """Settings of PWTT; the defaults are the published ones."""

    variance: Literal["pooled", "welch"] = "pooled"
    threshold: float | None = Field(
        default=3.3, gt=0, description="of T; null takes Student's p at the false-alarm rate instead"
    )
    looks: float = Field(default=5, gt=0, description="equivalent looks of the Lee filter; its window is 3 × 3")
    radii: tuple[float, ...] = Field(default=(50, 100, 150), description="metres, of the circles averaged over")


def detect(stack: xr.Dataset, periods: Periods, config: Config, rate: float) -> xr.Dataset:
    """Compare all dates after with all dates before, one radar stack of one orbit.

    Raises
    ------
    InputError
        If the stack is not radar.
    """
    check_stack(stack)
    if stack.attrs["quantity"] != "gamma0":
        raise InputError(f"pwtt works on radar only, not on {stack.attrs['key']}; name `scan` or leave sentinel-2 out")
    sides = periods.sides(stack)
    largest = np.full((stack.sizes["y"], stack.sizes["x"]), -1.0)
    freedom = np.ones_like(largest)
    for name in band_names(stack):
        logs = np.stack([log_lee(image, config.looks) for image in stack[name].values])
        t, nu = t_test(logs[sides[0]], logs[sides[1]], config.variance)
        size = np.nan_to_num(np.abs(t), nan=-1)
        freedom = np.where(size > largest, nu, freedom)
        largest = np.maximum(largest, size)
    valid = stack.valid.values
    n = [valid[side].sum(0) for side in sides]
    observable = (largest >= 0) & (n[0] >= 2) & (n[1] >= 2)
    pixel = float(abs(stack.x.values[1] - stack.x.values[0])) if stack.sizes["x"] > 1 else 1.0
    score = np.mean([largest, *(circle_mean(largest, observable, r / pixel) for r in config.radii)], axis=0)
    p = 2 * stats.t.sf(score, freedom)
    after, before = _bracket(stack.time.values, valid, sides)
    return change_map(
        stack,
        {
            "score": score,
            "p_value": np.clip(p, 0, 1),
            "changed": p <= rate if config.threshold is None else score > config.threshold,
            "observable": observable,
            "n_before": n[0],
            "n_after": n[1],
            "onset_after": after,
            "onset_before": before,
        },
        detector="pwtt",
    )


def t_test(before: NDArray, after: NDArray, variance: str) -> tuple[Array, Array]:
    """t of the mean after against the mean before along time, and its degrees of freedom; NaN with too few dates.

    Parameters
    ----------
    before, after : ``(time, …)``, NaN where missing
    variance : ``pooled`` (Student) or ``welch`` (degrees of freedom after Satterthwaite)
    """
    (n1, m1, s1), (n2, m2, s2) = _moments(before), _moments(after)
    with np.errstate(invalid="ignore", divide="ignore"):
        if variance == "welch":
            a, b = s1 / (n1 - 1) / n1, s2 / (n2 - 1) / n2
            squared = a + b
            nu = squared**2 / (a**2 / (n1 - 1) + b**2 / (n2 - 1))
        else:
            nu = n1 + n2 - 2
            squared = (s1 + s2) / nu * (1 / n1 + 1 / n2)
        t = (m2 - m1) / np.sqrt(squared)
    enough = np.isfinite(t) & (nu > 0)
    return np.where(enough, t, np.nan), np.where(enough, nu, np.nan)


def _moments(values: NDArray) -> tuple[Array, Array, Array]:
    """Number, mean and sum of squared deviations along time."""
    ok = np.isfinite(values)
    n = ok.sum(0).astype(np.float64)
    mean = np.where(ok, values, 0).sum(0, dtype=np.float64) / np.maximum(n, 1)
    return n, mean, (np.where(ok, values - mean, 0) ** 2).sum(0, dtype=np.float64)


def log_lee(power: NDArray[np.float32], looks: float) -> Array:
    """ln of the Lee filter (Lee 1980), 3 × 3: m + k (value − m), k = (1 − m²/looks/variance)/(1 + 1/looks) ≥ 0.

    The prepare room has the same filter as a step of its own; here it belongs to the published method.
    """
    ok = np.isfinite(power)
    x = np.where(ok, power, 0).astype(np.float64)
    share = np.maximum(ndimage.uniform_filter(ok.astype(np.float64), 3), 1e-9)
    mean = ndimage.uniform_filter(x, 3) / share
    spread = np.maximum(ndimage.uniform_filter(x * x, 3) / share - mean**2, 0)
    gain = np.clip(1 - mean**2 / looks / np.maximum(spread, 1e-30), 0, 1) / (1 + 1 / looks)
    filtered = mean + gain * (x - mean)
    return np.where(ok & (filtered > 0), np.log(np.maximum(filtered, 1e-30)), np.nan)


def circle_mean(values: Array, seen: NDArray[np.bool_], radius: float) -> Array:
    """Mean of the seen values within ``radius`` pixels."""
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = (x**2 + y**2 <= radius**2).astype(np.float64)
    total = ndimage.convolve(np.where(seen, values, 0), disc, mode="constant")
    return np.asarray(total / np.maximum(ndimage.convolve(seen.astype(np.float64), disc, mode="constant"), 1))


def _bracket(
    times: NDArray, valid: NDArray[np.bool_], sides: tuple[NDArray[np.bool_], NDArray[np.bool_]]
) -> tuple[NDArray, NDArray]:
    """The last valid date before and the first valid date after, of each pixel."""
    index = np.arange(len(times))[:, None, None]
    last = np.where(valid & sides[0][:, None, None], index, -1).max(0)
    first = np.where(valid & sides[1][:, None, None], index, len(times)).min(0)
    padded = np.append(times, np.datetime64("NaT", "ns"))
    return padded[last], padded[first]
