"""Many dates: the largest split statistic over every date of the window, calibrated by placebos on the site itself.

One optical stack, or one radar stack of one relative orbit. The steps are those of ``docs/design``: surroundings
subtracted, baseline from the reference period only, residuals whitened and put over the pixel's own scale, then
G(τ) = n₁n₂/(n₁+n₂) |mean after − mean before|² for every τ by running sums (``kernels.py``). The same machine runs at
placebo dates inside the reference period (``calibrate.py``). A stack is read block by block of rows; nothing but the
map itself grows with the area, and the size of the blocks changes no byte of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field
from scipy import stats

from changedet.detect import calibrate, ingest, kernels
from changedet.detect.residuals import subtract_baseline
from changedet.detect.surroundings import Surroundings, measure, whitening
from changedet.stack import Periods, band_names, change_map, check_stack
from changedet.values import DetectorConfig

Floats = NDArray[np.float32]
Block = tuple[Floats, Floats]

YEAR = np.timedelta64(31_556_952, "s")
BLOCK_BYTES = 6_000_000
"""Of one band-and-date block: small enough for the last-level cache."""
PANE_VALUES = 25_000_000
"""Most values (bands × dates × pixels) on which the calibration is measured."""
PANE_SIDE = 96


class Config(DetectorConfig):
    """Settings of the max-scan."""

    min_before: int = Field(default=3, ge=2, description="valid dates before a candidate date, at least")
    min_after: int = Field(default=2, ge=1, description="valid dates from a candidate date on, at least")
    baseline: Literal["auto", "mean", "harmonic"] = Field(
        default="auto", description="harmonic where a year and 24 clear observations allow it, else the mean"
    )
    scales: tuple[float, ...] | None = Field(
        default=None, description="standard deviations in pixels of the smoothing of residuals; 0 is none"
    )
    after_days: float | None = Field(
        default=None, gt=0, description="days that a change is averaged over; by default to the end of the window"
    )
    clip: float = Field(default=6, gt=1, description="largest standardised residual that one date may contribute")
    prior: float = Field(default=8, ge=0, description="weight of the pooled scale against a pixel's own, in dates")
    drop: float = Field(
        default=9, gt=0, description="dates whose G falls less than this below the largest remain possible"
    )
    placebos: int = Field(default=24, ge=0, le=500, description="placebo windows at most")
    rows: int | None = Field(default=None, gt=0, description="rows of a block; by default what fits the cache")


@dataclass(frozen=True, slots=True)
class _Machine:
    """Everything that is the same for all pixels."""

    planes: tuple[Floats, ...]
    log: bool
    times: NDArray[np.datetime64]
    reference: NDArray[np.int32]
    window: NDArray[np.int32]
    season: Floats
    surroundings: Surroundings
    scales: tuple[float, ...]
    whiten: tuple[Floats, ...]
    pole: tuple[float, ...]
    config: Config

    @property
    def halo(self) -> int:
        return max(_reach(scale) for scale in self.scales)

    def statistics(self, block: Block, width: int, before: NDArray, after: NDArray) -> list[_Found]:
        """The scan of one block at every scale; the block's values are used up."""
        values, mask = block
        c = self.config
        # a placebo has fewer dates before it, and must be given the same kind of baseline all the same
        least = _LEAST * len(before) / max(len(self.reference), 1)
        subtract_baseline(values, mask, before, self.season, self.surroundings.line, self.surroundings.knots, least)
        rules = np.array([c.min_before, c.min_after, c.clip, c.prior, c.drop], np.float32)
        ends = _ends(self.times[after], c.after_days)
        found: list[_Found] = []
        for scale, whiten in sorted(zip(self.scales, self.whiten, strict=True), key=lambda pair: -pair[0]):
            work = _smoothed(values, mask, width, scale)
            pole = np.linalg.solve(whiten.T.astype(np.float64), np.array(self.pole)).astype(np.float32)
            real = np.empty((2, values.shape[2]), np.float32)
            whole = np.empty((6, values.shape[2]), np.int32)
            kernels.scan(work, mask, (before, after, ends), whiten, pole, rules, real, whole)
            found.insert(0, _Found(np.where(real[0] < 0, np.nan, real[0]), real[1], whole))
        return found


_LEAST = 24.0
"""Clear observations for a harmonic baseline."""


@dataclass(frozen=True, slots=True)
class _Found:
    """The scan of one block at one scale."""

    g: Floats
    sign: Floats
    whole: NDArray[np.int32]

    def at(self, pixels: NDArray) -> _Found:
        return _Found(self.g[pixels], self.sign[pixels], self.whole[:, pixels])


@dataclass(frozen=True, slots=True)
class _Pane:
    """A sample of the area: its ingested block, width, and the pixels that are not halo."""

    block: Block
    width: int
    inner: NDArray[np.int64]

    def copy(self) -> Block:
        return self.block[0].copy(), self.block[1]


def _reach(scale: float) -> int:
    return int(np.ceil(2.5 * scale))


def _smoothed(values: Floats, mask: Floats, width: int, scale: float) -> Floats:
    if scale == 0:
        return values
    weights = np.exp(-0.5 * (np.arange(_reach(scale) + 1) / scale) ** 2).astype(np.float32)
    out = np.zeros_like(values)
    kernels.smooth(values, mask, width, weights, out)
    return out


def _ends(times: NDArray[np.datetime64], days: float | None) -> NDArray[np.int32]:
    if days is None:
        return np.full(len(times), len(times), np.int32)
    return np.searchsorted(times, times + np.timedelta64(round(days * 86400), "s"), side="right").astype(np.int32)


def _load(planes: tuple[Floats, ...], rows: tuple[int, int], log: bool) -> Block:
    """Rows of every band as a block."""
    dates, _, width = planes[0].shape
    pixels = ingest.padded((rows[1] - rows[0]) * width)
    values = np.zeros((len(planes), dates, pixels), np.float32)
    mask = np.zeros((dates, pixels), np.float32)
    for b, plane in enumerate(planes):
        ingest.ingest(plane, rows[0], rows[1], (log, b == 0), values[b], mask)
    return values, mask


def _panes(planes: tuple[Floats, ...], log: bool, halo: int) -> list[_Pane]:
    """The whole area, or squares evenly spread over it where it is large."""
    dates, height, width = planes[0].shape
    most = PANE_VALUES // (len(planes) * dates)
    if height * width <= most:
        spans = [((0, height), (0, width))]
    else:
        many = max(1, int(np.sqrt(most / PANE_SIDE**2)))
        ys = np.linspace(0, max(height - PANE_SIDE, 0), many).astype(int)
        xs = np.linspace(0, max(width - PANE_SIDE, 0), many).astype(int)
        spans = [((y, min(y + PANE_SIDE, height)), (x, min(x + PANE_SIDE, width))) for y in ys for x in xs]
    panes = []
    for (y0, y1), (x0, x1) in spans:
        a, e = max(y0 - halo, 0), min(y1 + halo, height)
        c, d = max(x0 - halo, 0), min(x1 + halo, width)
        block = _load(tuple(np.ascontiguousarray(plane[:, a:e, c:d]) for plane in planes), (0, e - a), log)
        rows, columns = np.arange(y0 - a, y1 - a), np.arange(x0 - c, x1 - c)
        panes.append(_Pane(block, d - c, (rows[:, None] * (d - c) + columns).ravel()))
    return panes


def _season(times: NDArray, reference: NDArray[np.int32], baseline: str) -> Floats:
    long = len(reference) >= _LEAST and times[reference[-1]] - times[reference[0]] >= YEAR
    if baseline == "mean" or not (long or baseline == "harmonic"):
        return np.zeros((len(times), 0), np.float32)
    phase = 2 * np.pi * (times - times[0]) / YEAR
    return np.stack([np.cos(phase), np.sin(phase)], 1).astype(np.float32)


def _machine(stack: xr.Dataset, periods: Periods, config: Config) -> tuple[_Machine, list[_Pane]]:
    names = band_names(stack)
    log = stack.attrs["quantity"] == "gamma0"
    planes = tuple(np.ascontiguousarray(stack[name].values) for name in names)
    times = stack.time.values
    reference, window = (np.flatnonzero(side).astype(np.int32) for side in periods.sides(stack))
    scales = config.scales if config.scales is not None else ((1.0, 2.0) if log else (0.0, 1.0))
    panes = _panes(planes, log, max(_reach(scale) for scale in scales))
    surroundings = measure([pane.block for pane in panes], reference)
    season = _season(times, reference, config.baseline)
    residuals = []
    for pane in panes:
        values, mask = pane.copy()
        subtract_baseline(values, mask, reference, season, surroundings.line, surroundings.knots, _LEAST)
        residuals.append((values, mask, pane.width))
    whiten = tuple(
        whitening([(_smoothed(values, mask, width, scale), mask) for values, mask, width in residuals], reference)
        for scale in scales
    )
    machine = _Machine(
        planes, log, times, reference, window, season, surroundings, scales, whiten, (1.0,) * len(names), config
    )
    return machine, panes


def _on_panes(machine: _Machine, panes: list[_Pane], before: NDArray, after: NDArray) -> list[Floats]:
    """G of every scale, of the panes' inner pixels in a row."""
    found = [[f.g[pane.inner] for f in machine.statistics(pane.copy(), pane.width, before, after)] for pane in panes]
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def _level(g: Floats) -> float:
    """The typical statistic of a map; that of chance alone as long as most of the area did not change."""
    return float(np.nanmedian(g)) if np.isfinite(g).any() else float("nan")


@dataclass(frozen=True, slots=True)
class _Scale:
    """From G to p: per scale a level and a null, and the null of the smallest p over the scales.

    A level is what the map's values are divided by to be compared with those of the placebos.
    """

    levels: tuple[float, ...]
    nulls: tuple[calibrate.Null, ...]
    joint: calibrate.Null
    power: float
    """p is raised to 1 − (1 − p)^power where the placebo windows hold fewer candidate dates than the real one."""

    def statistic(self, found: list[Floats]) -> NDArray[np.float64]:
        scores = [-np.log10(null.p(g / level)) for g, level, null in zip(found, self.levels, self.nulls, strict=True)]
        return np.asarray(np.max(scores, axis=0))

    def p(self, found: list[Floats]) -> NDArray[np.float64]:
        p = self.joint.p(self.statistic(found))
        return p if self.power == 1 else -np.expm1(self.power * np.log1p(-np.minimum(p, 1 - 1e-12)))


def _calibrated(machine: _Machine, panes: list[_Pane], rate: float) -> tuple[_Scale, calibrate.Calibration] | None:
    """Run the placebo windows; None where the archive is too short for them."""
    c = machine.config
    real = len(machine.window)
    length = min(real, max(c.min_after, len(machine.reference) // 2))
    windows = calibrate.placebo_windows(machine.reference, length, c.min_before, c.placebos)
    if len(windows) < 2:
        return None
    runs = []
    for window in windows:
        found = _on_panes(machine, panes, np.array(window.before, np.int32), np.array(window.after, np.int32))
        runs.append([g / _level(g) for g in found])
    now = _on_panes(machine, panes, machine.reference, machine.window)
    try:
        scale = _fit(runs, now, (real - c.min_after + 1) / (length - c.min_after + 1))
        held = _fit(runs[::2], None, 1.0)
    except ValueError:
        return None
    p_held = np.concatenate([held.p(run) for run in runs[1::2]])
    values = scale.joint.values
    counts, edges = calibrate.histogram(values)
    distance, p_uniform = calibrate.uniformity(p_held)
    passed = p_held[np.isfinite(p_held)] <= rate
    return scale, calibrate.Calibration(
        windows=len(windows),
        values=len(values),
        histogram=counts,
        edges=edges,
        threshold=float(np.quantile(values, 1 - rate)),
        rate=rate,
        uniformity_distance=distance,
        uniformity_p=p_uniform,
        held_out_share=float(passed.mean()) if len(passed) else float("nan"),
        surroundings_factor=1.0,
    )


def _fit(runs: list[list[Floats]], now: list[Floats] | None, power: float) -> _Scale:
    nulls = tuple(calibrate.fit_null(np.concatenate(parts)) for parts in zip(*runs, strict=True))
    power = max(power, 1.0)
    levels = (1.0,) * len(nulls)
    if now is not None:
        # the largest of more candidates is larger by chance: the map's median must come out at p = 1/2 after the power
        centre = 2 ** (-1 / power)
        levels = tuple(_level(g) / float(np.quantile(n.values, centre)) for g, n in zip(now, nulls, strict=True))
    flat = _Scale((1.0,) * len(nulls), nulls, nulls[0], 1.0)
    joint = calibrate.fit_null(np.concatenate([flat.statistic(run) for run in runs]))
    return _Scale(levels, nulls, joint, power)


def _parametric(machine: _Machine, panes: list[_Pane]) -> tuple[list[float], float, float]:
    """Levels of the map over what theory expects, degrees of freedom, and the number of candidate dates."""
    now = _on_panes(machine, panes, machine.reference, machine.window)
    bands = len(machine.planes)
    expected = float(stats.chi2.median(bands))
    factors = [max(1.0, _level(g) / expected) for g in now]
    return factors, max(1.0, len(machine.reference) - 1.0), float(max(1, len(machine.window)) * len(machine.scales))


def detect(stack: xr.Dataset, periods: Periods, config: Config, rate: float) -> xr.Dataset:
    """Scan one stack for lasting changes whose first changed acquisition lies in ``periods.after``.

    Parameters
    ----------
    stack : prepared Stack of one optical sensor, or of one relative orbit
    rate : share of unchanged pixels that may be flagged

    Returns
    -------
    ChangeMap with the extra variables ``direction`` (int8: the sign of the mean change over the bands), ``onset_first``
    and ``onset_last`` (every date between may be that of the change, 95 %), and attributes ``calibration_…``. ``score``
    is −log₁₀ p, comparable between sites.

    Raises
    ------
    ContractError
        If the stack is none.
    """
    check_stack(stack)
    machine, panes = _machine(stack, periods, config)
    possible = len(machine.reference) >= config.min_before and len(machine.window) >= config.min_after
    calibrated = _calibrated(machine, panes, rate) if possible else None
    if calibrated is not None:
        scale, calibration = calibrated
        attrs = calibration.attrs()

        def p_of(found: list[Floats]) -> NDArray[np.float64]:
            return scale.p(found)

    else:
        factors, freedom, trials = _parametric(machine, panes) if possible else ([1.0] * len(machine.scales), 1.0, 1.0)
        bands = len(machine.planes)
        attrs = {
            "calibration_windows": 0,
            "calibration_note": "the reference period is too short for placebo dates; p-values are theoretical, "
            "and cautious: F distribution, times the number of candidate dates",
        }

        def p_of(found: list[Floats]) -> NDArray[np.float64]:
            p = np.stack([stats.f.sf(g / f / bands, bands, freedom) for g, f in zip(found, factors, strict=True)])
            return np.asarray(np.clip(p.min(0) * trials, calibrate.SMALLEST_P, 1))

    values = _map(machine, p_of)
    values["changed"] = values["p_value"] <= rate
    change = change_map(stack, values, detector="scan")
    for name in ("direction", "onset_first", "onset_last"):
        array = values[name]
        if name != "direction":
            array[~change.changed.values] = np.datetime64("NaT")
        change[name] = (("y", "x"), array)
    change.attrs.update(attrs, rate=rate)
    return change


def _map(machine: _Machine, p_of: Callable[[list[Floats]], NDArray[np.float64]]) -> dict[str, NDArray]:
    dates, height, width = machine.planes[0].shape
    halo = machine.halo
    rows = machine.config.rows or max(1, 4 * halo, BLOCK_BYTES // (4 * len(machine.planes) * dates * width))
    out: dict[str, NDArray] = {
        "score": np.empty((height, width), np.float32),
        "p_value": np.empty((height, width), np.float32),
        "observable": np.empty((height, width), bool),
        "direction": np.empty((height, width), np.int8),
        "n_before": np.empty((height, width), np.int16),
        "n_after": np.empty((height, width), np.int16),
    }
    names = ("onset_before", "onset_after", None, "onset_first", "onset_last")
    for name in names:
        if name:
            out[name] = np.empty((height, width), "datetime64[ns]")
    times = np.append(machine.times, np.datetime64("NaT", "ns"))
    for top in range(0, height, rows):
        end = min(top + rows, height)
        a, e = max(top - halo, 0), min(end + halo, height)
        pixels = np.arange((top - a) * width, (end - a) * width)
        found = machine.statistics(_load(machine.planes, (a, e), machine.log), width, machine.reference, machine.window)
        inner = [f.at(pixels) for f in found]
        p = p_of([f.g for f in inner])
        seen = np.isfinite(inner[0].g)
        which = np.argmax(np.stack([np.nan_to_num(f.g, nan=-1) for f in inner]), 0)
        shape = (end - top, width)

        def pick(arrays: list[NDArray], which: NDArray = which) -> NDArray:
            return np.choose(which, arrays)

        out["p_value"][top:end] = p.reshape(shape)
        out["score"][top:end] = -np.log10(p).reshape(shape)
        out["observable"][top:end] = seen.reshape(shape)
        out["direction"][top:end] = (np.sign(pick([f.sign for f in inner])) * seen).reshape(shape)
        counts = inner[0].whole[5].reshape(shape)
        out["n_before"][top:end], out["n_after"][top:end] = counts // 4096, counts % 4096
        for i, name in enumerate(names):
            if name:
                out[name][top:end] = times[pick([f.whole[i] for f in inner])].reshape(shape)
    return out
