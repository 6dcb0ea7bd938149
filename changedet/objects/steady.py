"""Which ground may serve as the ring to which a radar object is compared: ground that did not change itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from changedet.objects.series import Planes

Floats = NDArray[np.float32]

SPLITS = 4
"""Dates of the window at which a change of the ground is looked for."""
LEAST_DATES = 2
UNUSUAL = 5.0
"""Robust standard deviations of the scene's own change from which ground counts as changed."""


def steady(planes: Planes, reference: NDArray, window: NDArray) -> Floats:
    """1 where the ground is as it was, 0 where a structure came or went within the window: (y, x).

    For each of a few splits of the window, the ln of the mean power after it over that before it, on 3 × 3 pixels, less
    its median over the scene.

    Parameters
    ----------
    reference, window : indices of dates, in order of time
    """
    changed = np.zeros(planes.valid.shape[1:], bool)
    for first in sorted({int(part[0]) for part in np.array_split(np.arange(len(window)), SPLITS) if len(part)}):
        before, after = np.concatenate([reference, window[:first]]), window[first:]
        if len(before) < LEAST_DATES or len(after) < LEAST_DATES:
            continue
        old, new = planes.over(before), planes.over(after)
        seen = (old.valid[0] > 0) & (new.valid[0] > 0)
        for a, b in zip(old.bands, new.bands, strict=True):
            changed |= _unusual(_smooth(a[0]), _smooth(b[0]), seen)
    return np.where(ndimage.binary_dilation(changed, iterations=1), np.float32(0), np.float32(1))


def _smooth(image: Floats) -> Floats:
    return np.asarray(ndimage.uniform_filter(image, 3))


def _unusual(old: Floats, new: Floats, seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    good = seen & (old > 0) & (new > 0)
    if not good.any():
        return good
    change = np.log(np.where(good, new, 1)) - np.log(np.where(good, old, 1))
    change -= np.median(change[good])
    spread = 1.4826 * np.median(np.abs(change[good])) + 1e-6
    return np.asarray(good & (np.abs(change) > UNUSUAL * spread))
