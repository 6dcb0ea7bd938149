"""The max-scan on series, the object's beside its controls', each put over its own placebo scans.

G(τ) = n₁n₂/(n₁+n₂) |mean after − mean before|² on whitened residuals, as in ``detect/scan.py``; a series' statistic is
its largest G less the median of its placebos' largest G, over their spread. The compiled scan of that room keeps only
the largest G of millions of pixels; here are some hundred series, and a date needs G at every τ.

How restless a series is known to be is part chance, and what disturbs all places alike in the window adds to it: its
level of placebos counts to a power below 1 (``OPTICAL_TRUST``, ``RADAR_TRUST``), as if drawn towards its controls'.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from changedet.detect.calibrate import placebo_windows
from changedet.detect.residuals import has_season, no_season, subtract_baseline, year_phase
from changedet.detect.surroundings import measure, whitening
from changedet.objects.series import Series
from changedet.objects.weather import without_weather

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

MIN_BEFORE, MIN_AFTER = 3, 2
CLIP = 6.0
"""Largest standardised residual that one date may contribute."""
PRIOR = 8.0
"""Weight of the pooled scale against a series' own, in dates."""
HARMONIC_LEAST = 12.0
"""Clear dates from which a footprint's season is fitted; a sum over many pixels needs fewer than one pixel."""
LEAST_RESTLESS = 0.5
PLACEBOS = 24
LEAST_PLACEBOS = 4
OPTICAL_TRUST, RADAR_TRUST = 0.95, 0.7
"""Power to which a series' level of placebos counts; fitted to untouched objects of simulated sites (docs/design/0008).
In radar speckle makes most of what the levels differ by, and it is as strong everywhere."""
OWN = 0.5
"""Weight of a series' own spread of placebos against the spread that goes with its level in the controls."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Series made comparable, and the scan of the window asked about."""

    z: Doubles
    """(bands, time, places): whitened residuals over each series' own scale; 0 where unseen."""
    mask: Doubles
    """(time, places)"""
    step: Doubles
    """(bands, bands, places): what a step of the physical values becomes in ``z``."""
    times: NDArray[np.datetime64]
    reference: NDArray[np.int32]
    window: NDArray[np.int32]
    level: Doubles
    """(places,): median of the placebos' largest G."""
    spread: Doubles
    """(places,): their spread."""
    restless: Doubles
    """(places,) by how much each series wanders more than the others; ``z`` is put over it."""
    trust: float
    """Power to which the level of a series counts."""
    inflation: Doubles
    """(places,) the placebos' G at one date over what independent dates would give, at the median; at least 1."""
    jump: Doubles
    """(bands,): median change of the surroundings from the reference period to the window, physical units."""

    @property
    def drawn(self) -> Doubles:
        """(places,) what G is multiplied by, as the level it is compared with counts to the power ``trust``."""
        return np.asarray(self.restless ** (2 * (1 - self.trust)))

    def statistic(self, z: Doubles | None = None) -> Doubles:
        """(places,) standardised largest G; NaN where there are too few dates."""
        g = largest(self.z if z is None else z, self.mask, self.reference, self.window)
        return np.asarray((g * self.drawn - self.level) / self.spread)


def profile(z: Doubles, mask: Doubles, before: NDArray, after: NDArray, least_after: int = MIN_AFTER) -> Doubles:
    """G for each date of ``after`` taken as the first changed one: (len(after), places), NaN with too few dates."""
    clipped = np.clip(z, -CLIP, CLIP)
    n0, s0 = mask[before].sum(0), clipped[:, before].sum(1)
    n = np.concatenate([np.zeros((1, mask.shape[1])), np.cumsum(mask[after], 0)])
    s = np.concatenate([np.zeros((z.shape[0], 1, mask.shape[1])), np.cumsum(clipped[:, after], 1)], axis=1)
    n1, n2 = n0 + n[:-1], n[-1] - n[:-1]
    change = (s[:, -1:] - s[:, :-1]) / np.maximum(n2, 1) - (s0[:, None] + s[:, :-1]) / np.maximum(n1, 1)
    g = n1 * n2 / np.maximum(n1 + n2, 1) * (change**2).sum(0)
    good = (n1 >= MIN_BEFORE) & (n2 >= least_after) & (mask[after] > 0)
    return np.where(good, g, np.nan)


def largest(z: Doubles, mask: Doubles, before: NDArray, after: NDArray) -> Doubles:
    """The largest G of each series (places,); NaN where there is no candidate."""
    top = np.where(np.isfinite(g := profile(z, mask, before, after)), g, -1).max(0)
    return np.where(top >= 0, top, np.nan)


def scan(series: Series, times: NDArray[np.datetime64], reference: NDArray, window: NDArray) -> Scan | None:
    """Make series comparable and measure their placebos; None where the dates are too few.

    Parameters
    ----------
    series : the object's first, then its controls'
    times : of all dates
    reference, window : indices of dates, in order of time
    """
    reference, window = reference.astype(np.int32), window.astype(np.int32)
    length = min(len(window), max(MIN_AFTER, len(reference) // 2))
    placebos = placebo_windows(reference, length, MIN_BEFORE, PLACEBOS)
    if len(placebos) < LEAST_PLACEBOS or len(window) < 1:
        return None
    phase = year_phase(times) if has_season(times, reference, HARMONIC_LEAST) else no_season(times)
    around = measure([(series.values, series.mask)], reference)
    if series.ground is not None:
        # already compared with its own ring: against the mean of some dates, what was bright by chance falls back
        around = replace(around, line=around.line * np.array([1, 0, 0], np.float32))
    series = without_weather(series, reference, phase, (around, HARMONIC_LEAST))
    values = series.values.copy()
    subtract_baseline(values, series.mask, reference, phase, around.line, around.knots, HARMONIC_LEAST)
    whiten = whitening([(values, series.mask)], reference).astype(np.float64)
    z, scale = _standard(values, series.mask, whiten, reference)
    mask = series.mask.astype(np.float64)
    runs = []
    for placebo in placebos:
        # the baseline is that of all reference dates: without those of a winter, it would miss that winter's shadows
        before, after = np.array(placebo.before, np.int32), np.array(placebo.after, np.int32)
        runs.append((_standard(values, series.mask, whiten, before)[0].astype(np.float32), before, after))
    # what wanders with the seasons or the weather is noise of that series: put over it, lest its steps be clipped
    level, _ = _own_null(
        np.array([largest(run.astype(np.float64), mask, before, after) for run, before, after in runs])
    )
    restless = np.sqrt(np.maximum(np.nan_to_num(level / np.nanmedian(level), nan=1.0), LEAST_RESTLESS))
    tops, single = [], []
    for run, before, after in runs:
        g = profile(run / restless, mask, before, after)
        tops.append(np.nanmax(np.where(np.isfinite(g), g, -1), axis=0))
        single.append(g[len(g) // 2])
    level, spread = _own_null(np.array(tops))
    middle = np.array(single)
    expected = float(stats.chi2.median(z.shape[0]))
    pooled = float(np.nanmedian(middle)) / expected if np.isfinite(middle).any() else 1.0
    inflation = np.maximum(pooled * level / np.median(level), 1.0)
    z, scale = z / restless, scale * restless
    jump = np.median(around.line[:, window, 0], axis=1) - np.median(around.line[:, reference, 0], axis=1)
    step = whiten[:, :, None] / scale
    trust = OPTICAL_TRUST if series.ground is None else RADAR_TRUST
    jump = jump.astype(np.float64)
    return Scan(z, mask, step, times, reference, window, level, spread, restless, trust, inflation, jump)


def _standard(values: Floats, mask: Floats, whiten: Doubles, before: NDArray) -> tuple[Doubles, Doubles]:
    """Whitened residuals over each series' own scale, and that scale (places,)."""
    z = np.einsum("bc,ctk->btk", whiten, values.astype(np.float64))
    n = mask[before].sum(0)
    power = (np.clip(z[:, before], -CLIP, CLIP) ** 2).sum((0, 1)) / z.shape[0]
    scale = np.sqrt((power + PRIOR) / (n + PRIOR))
    return z / scale, scale


def _own_null(tops: Doubles) -> tuple[Doubles, Doubles]:
    """Median and spread of each series' placebos.

    A couple of dozen windows that share dates give a poor spread: it is averaged with the one that goes with the
    series' level in all of them.
    """
    level = np.maximum(np.median(tops, axis=0), 1e-6)
    mad = 1.4826 * np.median(np.abs(tops - level), axis=0)
    pooled = float(np.nanmedian(mad / level))
    return level, np.maximum(OWN * mad + (1 - OWN) * pooled * level, 1e-6)
