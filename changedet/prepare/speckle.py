"""Takes speckle off radar stacks: the Lee filter date by date, or the multitemporal filter over all dates.

The max-scan needs neither, since it averages over dates and smooths its own residuals; filters are for pictures and for
detectors of two dates.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field
from scipy.ndimage import uniform_filter

from changedet.errors import ContractError
from changedet.stack import band_names, check_stack
from changedet.values import Frozen

Image = NDArray[np.float32]


class Config(Frozen):
    """Settings of the speckle step."""

    method: Literal["lee", "multitemporal"] = "lee"
    window: int = Field(default=3, ge=3, le=31, description="side of the square window in pixels, odd")
    looks: float = Field(default=4.4, gt=0, description="equivalent number of looks of one date")


def filter_speckle(stack: xr.Dataset, config: Config) -> xr.Dataset:
    """The stack with every band filtered; missing pixels stay missing and lend nothing to their neighbours.

    Raises
    ------
    ContractError
        If the stack is not radar, or the window is even.
    """
    check_stack(stack)
    if stack.attrs["quantity"] != "gamma0":
        raise ContractError(f"stack {stack.attrs['key']}: only radar has speckle")
    if config.window % 2 == 0:
        raise ContractError(f"speckle: a window of {config.window} pixels has no middle; it must be odd")
    filtered = {}
    for name in band_names(stack):
        power = stack[name].values
        if config.method == "lee":
            values = np.stack([lee(image, config.window, config.looks) for image in power])
        else:
            values = multitemporal(power, config.window)
        filtered[name] = (("time", "y", "x"), values)
    return check_stack(stack.assign(filtered))


def lee(power: Image, window: int, looks: float) -> Image:
    """The Lee filter (Lee 1980) of one image of linear power, NaN where missing.

    mean + k (value − mean), with k = (1 − mean²/looks/variance)/(1 + 1/looks), at least 0: flat ground becomes its
    local mean, and a bright point nearly stays as it is.
    """
    ok = np.isfinite(power)
    x = np.where(ok, power, 0).astype(np.float64)
    mean = _local_mean(x, ok, window)
    spread = np.maximum(_local_mean(x * x, ok, window) - mean**2, 0)
    gain = np.clip(1 - mean**2 / looks / np.maximum(spread, 1e-30), 0, 1) / (1 + 1 / looks)
    return np.where(ok, mean + gain * (x - mean), np.nan).astype(np.float32)


def multitemporal(power: NDArray[np.float32], window: int) -> NDArray[np.float32]:
    """The multitemporal filter (Quegan & Yu 2001) of ``(time, y, x)`` linear power, NaN where missing.

    J_k = m_k · mean over dates of (I_i / m_i), m the local mean of a date: the detail of all dates, the level of one.
    """
    ok = np.isfinite(power)
    filled = np.where(ok, power, 0).astype(np.float64)
    level = np.stack([_local_mean(x, o, window) for x, o in zip(filled, ok, strict=True)])
    detail = np.where(ok, filled / np.maximum(level, 1e-30), 0).sum(0) / np.maximum(ok.sum(0), 1)
    return np.where(ok, level * detail, np.nan).astype(np.float32)


def _local_mean(values: NDArray[np.float64], ok: NDArray[np.bool_], window: int) -> NDArray[np.float64]:
    share = uniform_filter(ok.astype(np.float64), window, mode="constant")
    total = uniform_filter(np.where(ok, values, 0), window, mode="constant")
    return np.asarray(total / np.maximum(share, 1e-9))
