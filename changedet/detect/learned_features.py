"""What the learned scorer looks at: a vector a pixel, of two dates of six optical bands.

Magnitudes are in units of the map itself (whitened, or by rank), so that a model made on some cities can be used on
others. Each vector has three parts: what stays when the dates are exchanged, what changes its sign, and what is of the
one date or the other; so both orders of the dates come from one computation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from changedet.detect import mad
from changedet.detect.chronochrome import Model
from changedet.detect.features import Pair, pick, sample
from changedet.detect.filters import Image, Mask, gradient, smooth
from changedet.detect.pair import EDGE_SIGMA, VISIBLE, change_score, edge_model

BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
FEATURES = 66
"""Of a vector."""
SCALES = (1.0, 2.0, 4.0, 8.0)
"""Sigmas in pixels."""
WINDOWS = (5, 11, 21)
"""Pixels, for the largest score near by."""
STRIP, HALO = 256, 48
"""Rows at a time, and how many more on each side: more than the widest filters reach one after the other."""
KNOTS = 256
LEAST_SPREAD = 1e-4
RATIOS = {"ndvi": ("nir", "red"), "ndbi": ("swir16", "nir"), "ndwi": ("green", "nir"), "nbr": ("nir", "swir22")}


@dataclass(frozen=True, slots=True)
class Vectors:
    """Of some rows."""

    even: Image
    """(features, y, x), the same in both orders of the dates."""
    odd: Image
    """Of the other sign in the other order."""
    before: Image
    after: Image

    def forward(self) -> Image:
        """(features, y, x) in the order given."""
        return np.concatenate([self.even, self.odd, self.before, self.after])

    def backward(self) -> Image:
        """As if the second date had been the first."""
        return np.concatenate([self.even, -self.odd, self.after, self.before])


@dataclass(frozen=True, slots=True)
class Describer:
    """The models of a whole map from which its pixels are described."""

    score: Image
    """That of ``pair``, (y, x)."""
    ranks: NDArray[np.float64]
    """Its quantiles at even steps."""
    spectral: Model
    visible: Model
    edges: Model
    variates: tuple[NDArray[np.float64], NDArray[np.float64]]
    middle: NDArray[np.float64]
    spread: NDArray[np.float64]
    """Median and robust spread of each band's change."""

    @classmethod
    def fit(cls, pair: Pair) -> Describer:
        """From both dates of the six ``BANDS``, in that order."""
        rows, columns = sample(pair.seen)
        score = change_score(pair)
        spectra = pick((*pair.before, *pair.after), rows, columns)
        places = [pair.bands.index(band) for band in VISIBLE]
        in_sight = [*places, *(i + len(pair.bands) for i in places)]
        change = spectra[len(pair.bands) :] - spectra[: len(pair.bands)]
        middle = np.median(change, axis=1).astype(np.float64)
        spread = 1.4826 * np.median(np.abs(change - middle[:, None]), axis=1) + LEAST_SPREAD
        planes = [*pair.before, *pair.after]
        return cls(
            score=score,
            ranks=np.quantile(score[rows, columns], np.linspace(0, 1, KNOTS)),
            spectral=Model.fit(spectra),
            visible=Model.fit(spectra[in_sight]),
            edges=edge_model([planes[i] for i in in_sight], pair.seen),
            variates=mad.variates(pair),
            middle=middle,
            spread=spread.astype(np.float64),
        )

    def rows(self, pair: Pair, top: int) -> Vectors:
        """Of the rows of a part of the map whose first row is ``top`` of the whole."""
        seen = pair.seen
        score = np.where(seen, self.score[top : top + len(seen)], np.float32(0))
        before, after = (dict(zip(pair.bands, image, strict=True)) for image in (pair.before, pair.after))
        even = [score, np.interp(score, self.ranks, np.linspace(0, 1, KNOTS)).astype(np.float32)]
        even += [smooth(score, seen, sigma) for sigma in SCALES[1:]]
        even += [ndimage.maximum_filter(score, window) for window in WINDOWS]
        even += self._magnitudes(pair, before, after)
        step = [
            (smooth(b - a - np.float32(m), seen, 1.0) / np.float32(s)).astype(np.float32)
            for a, b, m, s in zip(pair.before, pair.after, self.middle, self.spread, strict=True)
        ]
        sides = [_of_one_date(image, seen) for image in (before, after)]
        odd = [*step, *(b - a for a, b in zip(*sides, strict=True))]
        return Vectors(*(np.stack(part) for part in (even, odd, *sides)))

    def _magnitudes(self, pair: Pair, before: Mapping[str, Image], after: Mapping[str, Image]) -> list[Image]:
        seen = pair.seen
        first, second = ([image[band] for band in VISIBLE] for image in (before, after))
        edges = [[gradient(plane, seen, EDGE_SIGMA) for plane in image] for image in (first, second)]
        weights, offset = self.variates
        altered = mad.distance([*pair.before, *pair.after], weights, offset)
        white = [
            ((b - a - np.float32(m)) / np.float32(s)) ** 2
            for a, b, m, s in zip(pair.before, pair.after, self.middle, self.spread, strict=True)
        ]
        planes = {
            "spectral": self.spectral.surprise(pair.before, pair.after),
            "visible": self.visible.surprise(first, second),
            "edges": self.edges.surprise(*edges),
            "mad": np.log1p(altered),
            "cva": np.log1p(np.sum(white, axis=0, dtype=np.float32)),
        }
        smoothed = [smooth(plane, seen, sigma) for plane in planes.values() for sigma in SCALES]
        # against its neighbourhood: what stands out from the change of the fields around it
        return smoothed + [smoothed[i] - smoothed[i + 3] for i in range(0, len(smoothed), len(SCALES))]


def _of_one_date(image: Mapping[str, Image], seen: Mask) -> list[Image]:
    """Brightness, indices and texture of one date."""
    albedo, sight = (_mean([image[band] for band in bands]) for bands in (BANDS, VISIBLE))
    planes = [smooth(albedo, seen, 1.0), smooth(sight, seen, 1.0)]
    for high, low in RATIOS.values():
        total = np.maximum(image[high] + image[low], np.float32(1e-2))
        planes.append(smooth((image[high] - image[low]) / total, seen, 1.0))
    planes.append(np.log(gradient(sight, seen, EDGE_SIGMA) + np.float32(1e-3)))
    for sigma in (2.0, 4.0):
        mean, square = smooth(sight, seen, sigma), smooth(sight * sight, seen, sigma)
        planes.append(np.log(np.sqrt(np.maximum(square - mean * mean, np.float32(0))) + np.float32(1e-3)))
    return planes


def _mean(planes: list[Image]) -> Image:
    mean: Image = np.mean(planes, axis=0, dtype=np.float32)
    return mean


def describe(pair: Pair) -> Iterator[tuple[slice, Vectors]]:
    """The vectors of all rows, strip by strip: the rows, and what they show."""
    describer = Describer.fit(pair)
    height = pair.seen.shape[0]
    for top in range(0, height, STRIP):
        first, last = max(0, top - HALO), min(height, top + STRIP + HALO)
        whole = describer.rows(pair.rows(first, last), first)
        own = slice(top - first, min(height, top + STRIP) - first)
        cut = (part[:, own] for part in (whole.even, whole.odd, whole.before, whole.after))
        yield slice(top, min(height, top + STRIP)), Vectors(*cut)
