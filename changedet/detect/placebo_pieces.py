"""How large the pieces are that chance makes on the site itself: touching flagged pixels of placebo windows.

A person looks at pieces, a watch spends its budget on them, and no closed form knows how far the noise of a site
reaches.
On ``rtc``, where nothing changes, pieces judged by a Gaussian field of the map's smoothness had p ≤ 0.001 twelve
times too often.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import norm

from changedet.detect.resel import heights, resolution_element

SMALLEST_PIECE = 2
"""Pixels: a piece of one is not counted."""
LARGEST = 0.2
"""Share of the pieces that the tail is fitted to."""
LEAST_PIECES = 10
HEAVIER, PRIOR = 2.5, 8.0
"""How much heavier the tail of a site is than that of a Gaussian field as smooth, before its own pieces are seen, and
how many pieces this is worth. On three bursts of ``rtc`` and on ``romania``, which have dozens of pieces of their own,
it was 1.6 to 3.4 times."""
UNSETTLED = 3.5
"""Robust standard deviations of the logarithm."""


@dataclass(frozen=True, slots=True)
class PieceTail:
    """The masses of pieces made by chance; ``pieces.py`` says what a mass is.

    A peak of height h over the threshold has an area ∝ h, so its mass is ∝ h², and h is exponential: the square root of
    the mass has an exponential tail. Its scale is known from a few pieces only, so the tail is the predictive one, the
    exponential averaged over the scales that these pieces and the prior allow: P(x) = (1 + x / (k s))^−k (Aitchison &
    Dunsmore 1975, with a conjugate prior).
    """

    start: float
    """Square root of the mass that the largest fifth exceeds."""
    scale: float
    """Mean excess of their square roots, drawn towards the prior."""
    pieces: float
    """How many independent ones it stands on, those of the prior among them."""

    def log_p(self, mass: NDArray[np.float64]) -> NDArray[np.float64]:
        """ln of the probability that a piece of chance is as heavy."""
        root = np.sqrt(mass)
        body = math.log(LARGEST) * root / self.start
        excess = np.maximum(root - self.start, 0) / (self.pieces * self.scale)
        return np.where(root > self.start, math.log(LARGEST) - self.pieces * np.log1p(excess), body)

    def attrs(self) -> dict[str, list[float]]:
        """What a ChangeMap carries."""
        return {"calibration_piece_tail": [self.start, self.scale, self.pieces]}

    @classmethod
    def of(cls, attrs: Mapping[Any, Any]) -> PieceTail | None:
        """From the attributes of a ChangeMap; None where it was not calibrated so."""
        found = attrs.get("calibration_piece_tail")
        return None if found is None else cls(*found)


def heaviest(tails: Iterable[PieceTail], p: float = 1e-4) -> PieceTail | None:
    """The one whose pieces are the heaviest at this p."""

    def root(tail: PieceTail) -> float:
        return tail.start + tail.pieces * tail.scale * math.expm1(math.log(LARGEST / p) / tail.pieces)

    return max(tails, key=root, default=None)


def unsettled(runs: NDArray, spans: Sequence[tuple[int, ...]]) -> NDArray[np.bool_]:
    """Where something happened in the reference period, seen at other dates than those of the window in question.

    What a window itself shows must not decide whether it is counted: chance would be cut off where it is largest. A
    change that lasts is seen in windows that share no date with it as well.

    Parameters
    ----------
    runs : ``(windows, pixels)``, placebo statistics over their median
    spans : dates that each window takes as "after", in order of time

    Returns
    -------
    ``(windows, pixels)``: the largest value of all windows apart from it lies far outside that of the other pixels
    """
    values = np.where(np.isfinite(runs), runs, 0)
    earlier, later = np.maximum.accumulate(values, 0), np.maximum.accumulate(values[::-1], 0)[::-1]
    out = np.zeros(runs.shape, bool)
    for i, span in enumerate(spans):
        before = sum(other[-1] < span[0] for other in spans)
        after = sum(other[0] > span[-1] for other in spans)
        if before + after < 2:
            continue
        sides = ([earlier[before - 1]] if before else []) + ([later[-after]] if after else [])
        largest = np.log(np.maximum(np.max(sides, axis=0), 1e-6))
        centre = np.median(largest)
        spread = 1.4826 * np.median(np.abs(largest - centre))
        out[i] = largest > centre + UNSETTLED * spread
    return out


def piece_tail(maps: Sequence[tuple[NDArray, NDArray[np.bool_]]], rate: float, independent: float) -> PieceTail | None:
    """The tail of the pieces of placebo windows; None where there are too few.

    Parameters
    ----------
    maps : p-values ``(y, x)`` of placebo windows, and their unsettled pixels: a reference period of years holds real
        changes, and a piece that meets one says nothing about chance
    independent : share of the windows that share no date with another
    """
    every = []
    for p, real in maps:
        changed = p <= rate
        labels, count = ndimage.label(changed, np.ones((3, 3), bool))
        mass = np.bincount(labels[changed], np.log(rate / p[changed]), minlength=count + 1)
        counted = np.bincount(labels.ravel(), minlength=count + 1) >= SMALLEST_PIECE
        counted[labels[real]] = False
        every.append(mass[1:][counted[1:]])
    roots = np.sqrt(np.concatenate(every)) if every else np.empty(0)
    if len(roots) < LEAST_PIECES:
        return None
    start = float(np.quantile(roots, 1 - LARGEST))
    excess = roots[roots > start] - start
    own = len(excess) * independent
    scale = (own * float(excess.mean()) if own else 0.0) + PRIOR * HEAVIER * _slope(maps, rate)
    return PieceTail(start, scale / (own + PRIOR), own + PRIOR)


def _slope(maps: Sequence[tuple[NDArray, NDArray[np.bool_]]], rate: float) -> float:
    """Mean excess of the square roots of masses in a Gaussian field as smooth as these maps.

    Near a peak that exceeds the threshold u by h, the field is u + h − λ u r² / 2, with FWHM² = 4 ln 2 / λ; a height z
    counts u (z − u). The mass is then π h² / λ, and the mean of h is φ(u) / Φ(−u) − u.
    """
    over = float(norm.isf(rate))
    quiet = [heights(p, p <= rate) for p, _ in maps]
    resel = resolution_element(np.concatenate([z[:-1] for z in quiet]), np.concatenate([z[1:] for z in quiet]))
    return math.sqrt(math.pi * resel / (4 * math.log(2))) * (float(norm.pdf(over)) / rate - over)
