"""What the whole scene does from date to date, and how a quiet pixel scatters: measured once, on panes of the stack.

A date's change of the surroundings (rain, haze, calibration) is a line on the pixel's reference mean, fitted by Tukey's
resistant line: the medians of the outer thirds, so that a facility that is destroyed cannot drag it along while it
covers less than half of a third.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
SAMPLE = 20_000
"""Pixels from which a median is taken."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Change of the surroundings per band and date."""

    line: Floats
    """``(bands, time, 2)``: level, and slope on the pixel's reference mean."""
    centre: Floats
    """``(bands,)``: reference mean at which the level holds."""


def measure(blocks: list[tuple[Floats, Floats]], reference: NDArray[np.int32]) -> Surroundings:
    """Fit the surroundings of every date.

    Parameters
    ----------
    blocks : ``(bands, time, pixels)`` and mask ``(time, pixels)`` of each pane
    """
    block = np.concatenate([b for b, _ in blocks], axis=2)
    mask = np.concatenate([m for _, m in blocks], axis=1)
    step = max(1, mask.shape[1] // SAMPLE)
    block, mask = block[:, :, ::step], mask[:, ::step] > 0
    bands, dates, _ = block.shape
    line = np.zeros((bands, dates, 2), np.float32)
    centre = np.zeros(bands, np.float32)
    n = mask[reference].sum(0)
    seen = n > 0
    for b in range(bands):
        mean = np.where(mask[reference], block[b][reference], 0).sum(0) / np.maximum(n, 1)
        if not seen.any():
            continue
        centre[b] = np.median(mean[seen])
        low, high = np.quantile(mean[seen], (1 / 3, 2 / 3))
        for t in range(dates):
            ok = mask[t] & seen
            if ok.sum() < 30:
                continue
            line[b, t] = _resistant_line(
                mean[ok] - centre[b], block[b, t, ok] - mean[ok], low - centre[b], high - centre[b]
            )
    return Surroundings(line, centre)


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
    return covariance + np.eye(len(covariance)) * (1e-6 * np.trace(covariance) / len(covariance) + 1e-12)
