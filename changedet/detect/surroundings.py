"""What the whole scene does from date to date, and how a quiet pixel scatters: measured once, on panes of the stack.

A date's change of the surroundings (rain, haze, calibration) is a line on the pixel's reference mean, fitted by Tukey's
resistant line: the medians of the outer thirds, so that a facility that is destroyed cannot drag it along while it
covers less than half of a third. The line bends for the brightest few per cent: walls and tanks do not follow the
moisture of the soil. Their change is taken between none and that of the line, never beyond, so that bright structures
that are destroyed, however many, are not explained away. Outside the medians that it was fitted on, it stays level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
SAMPLE = 20_000
"""Pixels from which a median is taken."""
BEND, TOP = 0.9, 0.97
"""Quantiles of the reference mean at which the line bends, and above which structures are looked for."""
LEAST_TOP = 100
"""Pixels above the upper one from which the bend is measured."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Change of the surroundings per band and date."""

    line: Floats
    """``(bands, time, 3)``: level, slope on the pixel's reference mean, and what is added to it beyond the bend."""
    knots: Floats
    """``(bands, 4)``, of the reference mean: where the level holds, lowest, bend, highest."""


def measure(
    blocks: list[tuple[Floats, Floats]], reference: NDArray[np.int32], known: Floats | None = None
) -> Surroundings:
    """Fit the surroundings of every date.

    Parameters
    ----------
    blocks : ``(bands, time, pixels)`` and mask ``(time, pixels)`` of each pane
    known : lines of the first dates, as they were fitted before on the same reference
    """
    block = np.concatenate([b for b, _ in blocks], axis=2)
    mask = np.concatenate([m for _, m in blocks], axis=1)
    step = max(1, mask.shape[1] // SAMPLE)
    block, mask = block[:, :, ::step], mask[:, ::step] > 0
    bands, dates, _ = block.shape
    line = np.zeros((bands, dates, 3), np.float32)
    knots = np.zeros((bands, 4), np.float32)
    first = 0
    if known is not None:
        first = known.shape[1]
        line[:, :first] = known
    n = mask[reference].sum(0)
    seen = n > 0
    for b in range(bands):
        mean = np.where(mask[reference], block[b][reference], 0).sum(0) / np.maximum(n, 1)
        if not seen.any():
            continue
        lowest, low, centre, high, bend, top = np.quantile(mean[seen], (1 / 6, 1 / 3, 1 / 2, 2 / 3, BEND, TOP))
        bright = mean > top
        highest = float(np.median(mean[seen & bright])) if (seen & bright).sum() >= LEAST_TOP else bend
        knots[b] = centre, lowest, bend, highest
        for t in range(first, dates):
            ok = mask[t] & seen
            if ok.sum() < 30:
                continue
            change = block[b, t] - mean
            level, slope = _resistant_line(mean[ok] - centre, change[ok], low - centre, high - centre)
            line[b, t] = level, slope, 0.0
            if highest > bend and (ok & bright).sum() >= LEAST_TOP:
                expected = level + slope * (highest - centre)
                found = np.clip(np.median(change[ok & bright]), min(0.0, expected), max(0.0, expected))
                line[b, t, 2] = (found - expected) / (highest - bend)
    return Surroundings(line, knots)


def _resistant_line(x: Floats, y: Floats, low: float, high: float) -> tuple[float, float]:
    left, right = x <= low, x >= high
    slope = 0.0
    if left.sum() >= 30 and right.sum() >= 30:
        run = float(np.median(x[right]) - np.median(x[left]))
        if run > 1e-6:
            slope = float(np.median(y[right]) - np.median(y[left])) / run
            # beyond this a date has little to do with the reference: a line would only carry its outliers
            slope = float(np.clip(slope, -0.9, 0.9))
    return float(np.median(y - slope * x)), slope


def whitening(residuals: list[tuple[Floats, Floats]], reference: NDArray[np.int32]) -> Floats:
    """Inverse Cholesky factor of the pooled covariance of reference residuals, the most extreme 5 % left out once.

    Returns
    -------
    ``(bands, bands)`` lower triangular, such that whitened residuals have unit covariance.
    """
    vectors = np.concatenate([b[:, reference][:, m[reference] > 0] for b, m in residuals], axis=1).astype(np.float64)
    bands = vectors.shape[0]
    vectors = vectors[:, :: max(1, vectors.shape[1] // 200_000)]
    if vectors.shape[1] < 10 * bands:
        return np.eye(bands, dtype=np.float32)
    covariance = _covariance(vectors)
    distance = (np.linalg.solve(np.linalg.cholesky(covariance), vectors) ** 2).sum(0)
    covariance = _covariance(vectors[:, distance <= np.quantile(distance, 0.95)])
    return np.linalg.inv(np.linalg.cholesky(covariance)).astype(np.float32)


def _covariance(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    covariance: NDArray[np.float64] = vectors @ vectors.T / vectors.shape[1]
    covariance += np.eye(len(covariance)) * (1e-6 * np.trace(covariance) / len(covariance) + 1e-12)
    return covariance
