"""What chance does on the site itself: placebo windows, p-values with a fitted tail, and their combination.

No threshold comes from a table. The identical max-scan runs at placebo dates inside the reference period; the pooled
values are the null distribution of the statistic, and a generalised Pareto tail (Pickands 1975; probability-weighted
moments of Hosking & Wallis 1987) carries on where their number ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import special, stats

from changedet.detect.lookup import Sorted
from changedet.detect.placebo_pieces import PieceTail, heaviest
from changedet.errors import ContractError
from changedet.stack import change_map, check_change

TAIL_SHARE = 0.02
"""Share of the placebo values to which the tail is fitted."""
LEAST_VALUES = 200
"""Fewer placebo values than this make no null distribution."""
SMALLEST_P, LARGEST_P = 1e-30, 0.99


@dataclass(frozen=True, slots=True)
class PlaceboWindow:
    """One false event inside the reference period: indices of the dates taken as "before" and as "after"."""

    before: tuple[int, ...]
    after: tuple[int, ...]


def placebo_windows(reference: NDArray[np.integer], n_after: int, least_before: int, limit: int) -> list[PlaceboWindow]:
    """Spread at most ``limit`` placebo windows of ``n_after`` consecutive dates over the reference dates.

    All other reference dates are the "before" of a window, so that n₁ is as near as can be to the real one. There is
    none when fewer than ``least_before`` dates would be left.

    Parameters
    ----------
    reference : indices of the reference dates in order of time
    """
    n = len(reference)
    if n_after < 1 or n - n_after < least_before:
        return []
    starts = np.unique(np.round(np.linspace(0, n - n_after, min(limit, n - n_after + 1))).astype(int))
    dates = [int(t) for t in reference]
    return [PlaceboWindow(tuple(dates[:s] + dates[s + n_after :]), tuple(dates[s : s + n_after])) for s in starts]


@dataclass(frozen=True, slots=True)
class Null:
    """The null distribution of a statistic: placebo values and the tail beyond them."""

    ranks: Sorted
    threshold: float
    """Where the tail begins."""
    scale: float
    shape: float
    """Of the generalised Pareto tail; 0 is exponential."""
    share: float
    """P(value > threshold)."""

    @property
    def values(self) -> NDArray[np.float64]:
        """Sorted placebo values."""
        return self.ranks.values

    def p(self, statistic: NDArray) -> NDArray[np.float64]:
        """P(placebo ≥ statistic): (1 + number as extreme)/(number + 1) up to the tail; NaN stays."""
        x = np.asarray(statistic, np.float64)
        above = len(self.values) - self.ranks.below(x)
        body = (1 + above) / (len(self.values) + 1)
        excess = np.maximum(x - self.threshold, 0) / self.scale
        if self.shape > 1e-6:
            tail = np.power(1 + self.shape * excess, -1 / self.shape)
        else:
            tail = np.exp(-np.minimum(excess, 700))
        p = np.where(x > self.threshold, self.share * tail, body)
        return np.where(np.isnan(x), np.nan, np.clip(p, SMALLEST_P, 1))


def fit_null(values: NDArray, tail: float = TAIL_SHARE) -> Null:
    """A ``Null`` from placebo values; the tail's shape is kept between 0 (exponential) and 0.5.

    Raises
    ------
    ValueError
        If fewer than ``LEAST_VALUES`` are finite.
    """
    v = np.sort(np.asarray(values, np.float64)[np.isfinite(values)])
    if len(v) < LEAST_VALUES:
        raise ValueError(f"{len(v)} placebo values are too few for a null distribution; {LEAST_VALUES} are needed")
    k = max(int(np.ceil(tail * len(v))), 20)
    threshold = v[-k - 1]
    excess = v[-k:] - threshold
    mean = max(float(excess.mean()), 1e-12)
    # Hosking & Wallis: with a0 = E[X], a1 = E[X (1 - F)], shape = 2 - a0/(a0 - 2 a1), scale = 2 a0 a1/(a0 - 2 a1)
    weight = 1 - (np.arange(k) + 0.65) / k
    a1 = float((excess * weight).mean())
    shape = float(np.clip(2 - mean / max(mean - 2 * a1, 1e-12), 0, 0.5))
    return Null(Sorted.of(v), float(threshold), mean * (1 - shape), shape, (k + 1) / (len(v) + 1))


def empirical_p(statistic: NDArray, placebos: NDArray) -> NDArray[np.float64]:
    """p-values of statistics against placebo values, with a fitted tail beyond them.

    Raises
    ------
    ValueError
        If the placebo values are too few.
    """
    return fit_null(placebos).p(statistic)


def cauchy_combination(*p_values: NDArray) -> NDArray[np.float64]:
    """One p-value from several of whatever dependence (Liu & Xie 2020); NaN where a p-value is missing is left out.

    P = ½ − arctan(mean of tan((½ − p)π))/π. NaN where all are missing. The tangent falls without bound towards p = 1,
    where one sensor that sees nothing would outvote all that others see: p-values count as ``LARGEST_P`` at most.
    """
    p = np.stack([np.asarray(p, np.float64) for p in p_values])
    n = np.isfinite(p).sum(0)
    clipped = np.clip(np.where(np.isfinite(p), p, 0.5), SMALLEST_P, LARGEST_P)
    # 1/(πp) is tan((½ − p)π) to 16 digits where p is small, and does not overflow
    t = np.where(clipped < 1e-8, 1 / (np.pi * clipped), np.tan((0.5 - np.maximum(clipped, 1e-8)) * np.pi))
    mean = np.where(np.isfinite(p), t, 0).sum(0) / np.maximum(n, 1)
    combined = np.where(mean > 1e8, 1 / (np.pi * np.maximum(mean, 1)), 0.5 - np.arctan(mean) / np.pi)
    return np.where(n > 0, np.clip(combined, SMALLEST_P, 1), np.nan)


def benjamini_hochberg(p: NDArray, q: float) -> NDArray[np.bool_]:
    """Which to reject so that at most a share ``q`` of the rejected is false (Benjamini & Hochberg 1995)."""
    flat = np.asarray(p, np.float64).ravel()
    order = np.argsort(flat, kind="stable")
    m = int(np.isfinite(flat).sum())
    passed = np.flatnonzero(flat[order[:m]] <= q * np.arange(1, m + 1) / max(m, 1))
    rejected = np.zeros(len(flat), bool)
    if len(passed):
        rejected[order[: passed[-1] + 1]] = True
    return rejected.reshape(np.shape(p))


def uniformity(p: NDArray, most: int = 1000) -> tuple[float, float]:
    """Kolmogorov–Smirnov distance of p-values from the uniform distribution, and its p-value.

    Neighbours resemble each other: at most ``most`` values, evenly spread over the array, enter.
    """
    values = np.asarray(p, np.float64).ravel()
    values = values[np.isfinite(values)]
    if len(values) < 5:
        return float("nan"), float("nan")
    values = values[:: max(1, len(values) // most)]
    result = stats.kstest(values, "uniform")
    return float(result.statistic), float(result.pvalue)


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a map's p-values were calibrated; travels as its attributes ``calibration_…``."""

    windows: int
    values: int
    histogram: tuple[int, ...]
    """Placebo values by ``edges``, the last bin open above."""
    edges: tuple[float, ...]
    threshold: float
    """The statistic at which p equals the false-alarm rate asked for."""
    rate: float
    uniformity_distance: float
    """Kolmogorov–Smirnov distance of the held-out windows' p-values from uniform."""
    uniformity_p: float
    held_out_share: float
    """Share of held-out placebo values with p at most ``rate``."""
    surroundings_factor: float
    """Typical statistic of the map over that of the placebos."""
    note: str = ""

    def attrs(self) -> dict[str, object]:
        """Plain scalars and lists under names that begin with ``calibration_``."""
        return {
            f"calibration_{name}": list(value) if isinstance(value, tuple) else value
            for name, value in ((name, getattr(self, name)) for name in self.__dataclass_fields__)
        }


def histogram(values: NDArray, bins: int = 40) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Counts and edges up to the 99.9th percentile; the last bin also holds all above."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return (), ()
    edges = np.linspace(0, max(float(np.quantile(finite, 0.999)), 1e-6), bins + 1)
    counts, _ = np.histogram(np.clip(finite, 0, edges[-1]), edges)
    return tuple(int(c) for c in counts), tuple(round(float(e), 6) for e in edges)


def signed_combination(p: NDArray, direction: NDArray, weight: NDArray) -> NDArray[np.float64]:
    """One p-value from two-sided p-values of several radar orbits, along axis 0.

    z = sign · Φ⁻¹(1 − p/2) is standard normal where nothing changed. Σ√ν z/√Σν gathers changes of one sign; Σz² those
    whose sign depends on the orbit; the two are joined by the Cauchy combination.
    """
    # −Φ⁻¹(p/2) and in double precision: 1 − p/2 of a small p is 1, whose z is infinite, and ∞ − ∞ of two orbits is NaN
    half = np.clip(p, SMALLEST_P, 1).astype(np.float64) / 2
    z = np.where(np.isfinite(p), -np.sign(direction) * special.ndtri(half), 0)
    nu = np.where(np.isfinite(p), weight, 0).astype(np.float64)
    n = np.isfinite(p).sum(0)
    together = (np.sqrt(nu) * z).sum(0) / np.sqrt(np.maximum(nu.sum(0), 1e-9))
    one_sign = 2 * special.ndtr(-np.abs(together))
    any_sign = special.chdtrc(np.maximum(n, 1), (z**2).sum(0))
    return np.where(n > 0, cauchy_combination(one_sign, any_sign), np.nan)


def combine(maps: Mapping[str, xr.Dataset], rate: float) -> xr.Dataset:
    """Join the maps of all stacks on one grid.

    Radar orbits whose maps carry ``direction`` are joined first, by their signed z; the result and every other map then
    by the Cauchy combination, over those that observe the pixel. A pixel is observable where any map observes it. The
    dates are those of the map with the smallest p, narrowed by every other map that also finds the change, as far as
    their brackets overlap.

    Parameters
    ----------
    maps : by stack key; radar keys begin with ``sentinel-1``
    rate : share of unchanged pixels that may be flagged

    Raises
    ------
    ContractError
        If there is none, or the grids differ.
    """
    if not maps:
        raise ContractError("there is no change map to combine")
    for change in maps.values():
        check_change(change)
    first = next(iter(maps.values()))
    if any(change.p_value.shape != first.p_value.shape for change in maps.values()):
        raise ContractError(f"the change maps {', '.join(maps)} are not on one grid")
    p = _joint(maps)
    if len(maps) == 1:
        p = first.p_value.values.astype(np.float64)
    seen = np.isfinite(p)
    each = np.stack([change.p_value.values for change in maps.values()])
    best = np.argmin(np.where(np.isfinite(each), each, 2), axis=0)
    after, before = _onset(maps, best, rate)
    values: dict[str, NDArray] = {
        "score": -np.log10(np.clip(p, SMALLEST_P, 1)),
        "p_value": p,
        "changed": seen & (p <= rate),
        "observable": seen,
        "n_before": np.stack([change.n_before.values for change in maps.values()]).sum(0),
        "n_after": np.stack([change.n_after.values for change in maps.values()]).sum(0),
        "onset_after": after,
        "onset_before": before,
    }
    joined = change_map(first, values, detector="+".join(sorted({str(m.attrs["detector"]) for m in maps.values()})))
    joined.attrs["key"] = "+".join(maps)
    joined.attrs["rate"] = rate
    tails = [PieceTail.of(change.attrs) for change in maps.values() if change.observable.values.any()]
    tail = heaviest(tail for tail in tails if tail is not None)
    joined.attrs.update(tail.attrs() if tail is not None else {})
    return joined


def _joint(maps: Mapping[str, xr.Dataset]) -> NDArray[np.float64]:
    radar = [change for key, change in maps.items() if key.startswith("sentinel-1") and "direction" in change]
    others = [change.p_value.values for change in maps.values() if not any(change is other for other in radar)]
    if len(radar) > 1:
        p = signed_combination(
            np.stack([change.p_value.values for change in radar]),
            np.stack([change.direction.values for change in radar]),
            np.stack([change.n_after.values for change in radar]),
        )
        others.append(p)
    else:
        others += [change.p_value.values for change in radar]
    return cauchy_combination(*others)


def _onset(maps: Mapping[str, xr.Dataset], best: NDArray[np.int64], rate: float) -> tuple[NDArray, NDArray]:
    brackets = [_bracket(change) for change in maps.values()]
    afters, befores = np.stack([after for after, _ in brackets]), np.stack([before for _, before in brackets])
    after = np.take_along_axis(afters, best[None], 0)[0]
    before = np.take_along_axis(befores, best[None], 0)[0]
    for change, low, high in zip(maps.values(), afters, befores, strict=True):
        agrees = (change.p_value.values <= rate) & (low < before) & (high > after)
        after = np.where(agrees & (low > after), low, after)
        before = np.where(agrees & (high < before), high, before)
    return after, before


def _bracket(change: xr.Dataset) -> tuple[NDArray, NDArray]:
    """The last unchanged and first changed acquisition, also where a map by itself does not find a change."""
    if "date_changed" not in change:
        return change.onset_after.values, change.onset_before.values
    times = np.append(np.array(change.attrs["times"], "datetime64[ns]"), np.datetime64("NaT", "ns"))
    return times[change.date_unchanged.values], times[change.date_changed.values]
