"""How restless ground of a colour is: the placebos' statistic against the mean reflectance of the reference period.

Woods scatter otherwise than meadows and ploughed land, and a null of the whole scene is too strict with the quiet of
them and too lax with the restless. The logarithm of each pixel's mean placebo statistic is fitted by a line in the
logarithms of its reflectances; G is then put over a power of what the line says, in the placebos and in the map.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from changedet.detect.blocks import Block, Floats
from changedet.detect.kernels import LANES
from changedet.detect.residuals import count_valid, reference_mean

TRUST = 0.5
"""Power to which the line counts: quiet ground is at times more restless in a new window than it was in placebos."""
DARKEST = 1e-3
"""Reflectance."""
EDGE = 0.01
"""Share of the sample at either end of each band beyond which the line stays level."""
HIGHEST = 0.995
"""Quantile of the placebos at which they are cut: what really changed says nothing of how restless the ground is."""
LEAST_PIXELS, LEAST_WINDOWS = 500, 4


def colour(block: Block, reference: NDArray[np.int32]) -> Floats:
    """Mean of each pixel over its valid reference dates: (bands, pixels), 0 where it has none."""
    values, mask = block
    out = np.zeros((len(values), values.shape[2]), np.float32)
    _mean(values, mask, reference, out)
    return out


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def _mean(values: Floats, mask: Floats, reference: NDArray[np.int32], out: Floats) -> None:
    bands, _, pixels = values.shape
    for segment in prange((pixels + LANES - 1) // LANES):
        a, e = segment * LANES, min((segment + 1) * LANES, pixels)
        n, lacks = count_valid(mask, (a, e), reference)
        for b in range(bands):
            reference_mean(values[b], mask, (a, e), (reference, lacks), n, out[b, a:e])


@dataclass(frozen=True, slots=True)
class Ground:
    """The line of each scale."""

    limits: NDArray[np.float64]
    """(2, bands): ln reflectance beyond which the line stays level."""
    centre: NDArray[np.float64]
    """(bands,): ln reflectance at which it is 0."""
    slopes: NDArray[np.float64]
    """(scales, bands)"""

    def quiet(self, seen: Floats) -> list[Floats]:
        """What G is multiplied by, for each scale (pixels,); 1 where nothing was seen.

        Parameters
        ----------
        seen : of :func:`colour`
        """
        x = np.clip(_logs(seen), self.limits[0][:, None], self.limits[1][:, None]) - self.centre[:, None]
        x = np.where((seen != 0).any(0), x, 0.0)
        # added up by hand: a product of matrices may depend on how many pixels there are
        sums = [sum(slope * row for slope, row in zip(slopes, x, strict=True)) for slopes in self.slopes]
        return [np.exp(-TRUST * np.asarray(each)).astype(np.float32) for each in sums]


def learn(seen: Floats, runs: list[list[Floats]]) -> Ground | None:
    """The line through the placebos of a sample; None where they are too few.

    Parameters
    ----------
    seen : of :func:`colour`, of the sample
    runs : G over the level of its window, by placebo window and scale (pixels,)
    """
    if len(runs) < LEAST_WINDOWS:
        return None
    known = (seen != 0).any(0)
    means = []
    for parts in zip(*runs, strict=True):
        g = np.stack(parts)
        finite = np.isfinite(g)
        known &= finite.any(0)
        top = np.quantile(g[finite], HIGHEST) if finite.any() else 1.0
        means.append(np.where(finite, np.minimum(g, top), 0).sum(0) / np.maximum(finite.sum(0), 1))
    if known.sum() < LEAST_PIXELS:
        return None
    x = _logs(seen[:, known])
    limits = np.quantile(x, (EDGE, 1 - EDGE), axis=1)
    x = np.clip(x, limits[0][:, None], limits[1][:, None])
    centre = x.mean(1)
    # near bands say nearly the same: a ridge keeps the line from resting on their difference
    x -= centre[:, None]
    gram = x @ x.T
    gram += np.eye(len(x)) * (1e-3 * np.trace(gram) / len(x) + 1e-12)
    y = [np.log(np.maximum(mean[known], 1e-6)) for mean in means]
    slopes = [np.linalg.solve(gram, x @ (each - each.mean())) for each in y]
    return Ground(limits, centre, np.array(slopes))


def _logs(seen: Floats) -> NDArray[np.float64]:
    return np.asarray(np.log(np.maximum(seen.astype(np.float64), DARKEST)))
