"""Many dates: the largest split statistic over every date of the window, calibrated by placebos on the site itself.

One optical stack, or one radar stack of one relative orbit. Surroundings subtracted, baseline from the reference period
only, residuals whitened and put over the pixel's own scale, then G(τ) = n₁n₂/(n₁+n₂) |mean after − mean before|² for
every τ by running sums (``kernels.py``). The same machine runs at placebo dates inside the reference period
(``calibrate.py``). A stack is scanned block by block of rows; nothing but the map itself grows with the area, and the
size of the blocks changes no byte of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from changedet.detect import Memory, calibrate, ground, onset
from changedet.detect.blocks import Floats, Pane
from changedet.detect.ground import Ground
from changedet.detect.machine import Config, Found, Machine, build
from changedet.detect.placebo_pieces import PieceTail, piece_tail, unsettled
from changedet.detect.settled import Settled
from changedet.detect.settling import key_of, may_settle, scan_window, settle
from changedet.errors import ContractError
from changedet.stack import Periods, change_map, check_stack

__all__ = ["Config", "dates", "detect"]

DATES = onset.NAMES
"""Extra variables of a ChangeMap of this detector: for every observable pixel, changed or not, places in the attribute
``times``; −1 where not observable."""

P = Callable[[list[Floats]], NDArray[np.float64]]
Nulls = tuple[P, dict[str, object], Ground | None]
"""From G to p; what the map says of it; and what G is put over before, by the colour of the ground."""


def detect(
    stack: xr.Dataset, periods: Periods, config: Config, rate: float, memory: Memory | None = None
) -> xr.Dataset:
    """Scan one stack for lasting changes whose first changed acquisition lies in ``periods.after``.

    Parameters
    ----------
    stack : prepared Stack of one optical sensor, or of one relative orbit
    rate : share of unchanged pixels that may be flagged
    memory : where the reference period is kept for the next window; the map is the same without

    Returns
    -------
    ChangeMap. ``score`` is −log₁₀ p, comparable between sites. Extra variables: ``direction`` (int8: the sign of the
    mean change over the bands) and those of ``DATES``; attributes ``calibration_…`` and ``times``.

    Raises
    ------
    ContractError
        If the stack is none.
    """
    check_stack(stack)
    settled = None if memory is None else _known(stack, periods, config, memory)
    machine, sample = build(stack, periods, config, settled)
    now, limits = machine.measured(sample)
    if len(machine.reference) < config.min_before or len(machine.window) < config.min_after:
        p_of, attrs, restless = _too_few()
    else:
        p_of, attrs, restless = _calibrate(machine, sample, now, rate) or _parametric(machine, now)
    if memory is not None and settled is None and may_settle(machine):
        settled = settle(machine)
        memory.put(key_of(stack, machine.reference, config), settled.arrays())
    values = _map(machine, (p_of, restless), settled, limits)
    values["changed"] = values["p_value"] <= rate
    times = np.append(machine.times, np.datetime64("NaT", "ns"))
    values["onset_before"], values["onset_after"] = times[values[DATES[0]]], times[values[DATES[1]]]
    change = change_map(stack, values, detector="scan")
    change = change.assign({name: (("y", "x"), values[name]) for name in ("direction", *DATES)})
    change.attrs.update(attrs, rate=rate, times=[str(t) for t in machine.times])
    return change


def _known(stack: xr.Dataset, periods: Periods, config: Config, memory: Memory) -> Settled | None:
    arrays = memory.get(key_of(stack, np.flatnonzero(periods.sides(stack)[0]), config))
    return None if arrays is None else Settled.of(arrays)


def dates(change: xr.Dataset, name: str) -> NDArray[np.datetime64]:
    """One of ``DATES`` as ``(y, x)`` datetime64[ns], NaT where not observable.

    Raises
    ------
    ContractError
        If the map carries no such dates.
    """
    if name not in change or "times" not in change.attrs:
        raise ContractError(f"the change map {change.attrs.get('key', '?')} has no {name}")
    times = np.append(np.array(change.attrs["times"], "datetime64[ns]"), np.datetime64("NaT", "ns"))
    return np.asarray(times[change[name].values])


def _level(g: Floats) -> float:
    """The typical statistic of a map; that of chance alone as long as most of the area did not change."""
    return max(float(np.nanmedian(g)), 1e-6) if np.isfinite(g).any() else 1.0


@dataclass(frozen=True, slots=True)
class _Scale:
    """From G to p: per scale a level and a null, and the null of the smallest p over the scales.

    A level is what the map's values are divided by to be compared with those of the placebos.
    """

    levels: tuple[float, ...]
    nulls: tuple[calibrate.Null, ...]
    joint: calibrate.Null
    power: float
    """p becomes 1 − (1 − p)^power where the placebo windows hold fewer candidate dates than the real one."""

    def statistic(self, found: list[Floats]) -> NDArray[np.float64]:
        scores = [-np.log10(null.p(g / level)) for g, level, null in zip(found, self.levels, self.nulls, strict=True)]
        return np.asarray(np.max(scores, axis=0))

    def p(self, found: list[Floats]) -> NDArray[np.float64]:
        p = self.joint.p(self.statistic(found))
        return p if self.power == 1 else -np.expm1(self.power * np.log1p(-np.minimum(p, 1 - 1e-12)))


def _calibrate(machine: Machine, sample: list[Pane], now: list[Floats], rate: float) -> Nulls | None:
    """Run the placebo windows; None where the archive is too short for them.

    Parameters
    ----------
    now : G of the sample in the real window, by scale
    """
    least, real = machine.config.min_after, len(machine.window)
    length = min(real, max(least, len(machine.reference) // 2))
    windows = calibrate.placebo_windows(machine.reference, length, machine.config.min_before, machine.config.placebos)
    if len(windows) < 2:
        return None
    raw = [machine.on_panes(sample, np.array(w.before, np.int32), np.array(w.after, np.int32)) for w in windows]
    restless, (now, *raw) = _over_ground(machine, sample, [now, *raw])
    runs = [[g / _level(g) for g in found] for found in raw]
    try:
        scale, statistics = _fit(runs, now, (real - least + 1) / (length - least + 1))
        held, _ = _fit(runs[::2], None, 1.0)
    except ValueError:
        return None
    p_held = np.concatenate([held.p(run) for run in runs[1::2]])
    counts, edges = calibrate.histogram(scale.joint.values)
    distance, p_uniform = calibrate.uniformity(p_held)
    seen = np.isfinite(p_held)
    calibration = calibrate.Calibration(
        windows=len(windows),
        values=len(scale.joint.values),
        histogram=counts,
        edges=edges,
        threshold=float(np.quantile(scale.joint.values, 1 - rate)),
        rate=rate,
        uniformity_distance=distance,
        uniformity_p=p_uniform,
        held_out_share=float((p_held[seen] <= rate).mean()) if seen.any() else float("nan"),
        surroundings_factor=_level(now[0]) / float(np.median([_level(found[0]) for found in raw])),
    )
    spans = [window.after for window in windows]
    tail = _piece_tail(sample, spans, (runs, [scale.joint.p(statistic) for statistic in statistics]), rate)
    return scale.p, calibration.attrs() | (tail.attrs() if tail is not None else {}), restless


def _over_ground(
    machine: Machine, sample: list[Pane], found: list[list[Floats]]
) -> tuple[Ground | None, list[list[Floats]]]:
    """G of the real window, which comes first, and of the placebos over how restless ground of their colour is."""
    if machine.log:
        return None, found
    seen = np.concatenate([ground.colour(pane.block, machine.reference)[:, pane.inner] for pane in sample], axis=1)
    restless = ground.learn(seen, [[g / _level(g) for g in run] for run in found[1:]])
    if restless is None:
        return None, found
    quiet = restless.quiet(seen)
    return restless, [[g * q for g, q in zip(run, quiet, strict=True)] for run in found]


def _piece_tail(
    sample: list[Pane],
    spans: list[tuple[int, ...]],
    placebos: tuple[list[list[Floats]], list[NDArray[np.float64]]],
    rate: float,
) -> PieceTail | None:
    runs, p_values = placebos
    real = np.any([unsettled(np.array(parts), spans) for parts in zip(*runs, strict=True)], axis=0)
    ends = np.cumsum([len(pane.inner) for pane in sample])[:-1]
    maps = []
    for p_value, outside in zip(p_values, real, strict=True):
        for pane, p, out in zip(sample, np.split(p_value, ends), np.split(outside, ends), strict=True):
            maps.append((p.reshape(pane.shape), out.reshape(pane.shape)))
    dates = len({date for span in spans for date in span})
    return piece_tail(maps, rate, dates / sum(len(span) for span in spans))


def _fit(runs: list[list[Floats]], now: list[Floats] | None, power: float) -> tuple[_Scale, list[NDArray[np.float64]]]:
    """The scale, and the statistic of each run."""
    nulls = tuple(calibrate.fit_null(np.concatenate(parts)) for parts in zip(*runs, strict=True))
    power = max(power, 1.0)
    levels = (1.0,) * len(nulls)
    if now is not None:
        # the largest of more candidates is larger by chance: the map's median must come out at p = 1/2 after the power
        centre = 2 ** (-1 / power)
        levels = tuple(_level(g) / float(np.quantile(n.values, centre)) for g, n in zip(now, nulls, strict=True))
    flat = _Scale((1.0,) * len(nulls), nulls, nulls[0], 1.0)
    statistics = [flat.statistic(run) for run in runs]
    return _Scale(levels, nulls, calibrate.fit_null(np.concatenate(statistics)), power), statistics


def _short_of_placebos(why: str) -> dict[str, object]:
    return {"calibration_windows": 0, "calibration_note": why}


def _too_few() -> Nulls:
    def p_of(found: list[Floats]) -> NDArray[np.float64]:
        return np.full(len(found[0]), np.nan)

    return p_of, _short_of_placebos("there are too few dates to compare"), None


def _parametric(machine: Machine, now: list[Floats]) -> Nulls:
    """F distribution, times candidate dates and scales, after the map's own level where that is above theory."""
    bands = len(machine.planes)
    factors = [max(1.0, _level(g) / float(stats.chi2.median(bands))) for g in now]
    freedom = max(1.0, len(machine.reference) - 1.0)
    trials = float(max(1, len(machine.window)) * len(machine.scales))

    def p_of(found: list[Floats]) -> NDArray[np.float64]:
        p = np.stack([stats.f.sf(g / f / bands, bands, freedom) for g, f in zip(found, factors, strict=True)])
        return np.asarray(np.clip(p.min(0) * trials, calibrate.SMALLEST_P, 1))

    why = (
        "the reference period is too short for placebo dates; p-values are theoretical, and cautious: "
        "F distribution, times the number of candidate dates"
    )
    return p_of, _short_of_placebos(why), None


def _map(
    machine: Machine, null: tuple[P, Ground | None], settled: Settled | None, limits: onset.Limits
) -> dict[str, NDArray]:
    p_of, restless = null
    _, height, width = machine.planes[0].shape
    out: dict[str, NDArray] = {
        "score": np.empty((height, width), np.float32),
        "p_value": np.empty((height, width), np.float32),
        "observable": np.empty((height, width), bool),
        "direction": np.empty((height, width), np.int8),
    }
    for name in ("n_before", "n_after", *DATES):
        out[name] = np.empty((height, width), np.int16)
    for top in range(0, height, machine.rows):
        end = min(top + machine.rows, height)
        found, dated = _rows(machine, (top, end), settled, limits)
        g = [one.g for one in found]
        if restless is not None:
            seen = machine.colour((top, end)) if settled is None else settled.colour[:, top * width : end * width]
            g = [each * quiet for each, quiet in zip(g, restless.quiet(seen), strict=True)]
        p = p_of(g)
        for name, values in _values(found, p, dated).items():
            out[name][top:end] = values.reshape(end - top, width)
    return out


def _rows(
    machine: Machine, rows: tuple[int, int], settled: Settled | None, limits: onset.Limits
) -> tuple[list[Found], NDArray[np.int32]]:
    """The scan of some rows at every scale, and its dates."""
    (top, end), (_, height, width) = rows, machine.planes[0].shape
    first, last = max(top - machine.halo, 0), min(end + machine.halo, height)
    if settled is None:
        found, seen = machine.scan_rows((first, last))
    else:
        filled, seen = scan_window(machine, settled, rows)
        found = [Found.of(out) for out in filled]
    dated = machine.dates(found, seen, width, limits)
    inner = slice((top - first) * width, (end - first) * width)
    return [one.at(inner) for one in found], dated[:, inner]


def _values(found: list[Found], p: NDArray[np.float64], dated: NDArray[np.int32]) -> dict[str, NDArray]:
    """The variables of one block; the direction is that of the scale with the largest G."""
    best = np.argmax(np.stack([np.nan_to_num(f.g, nan=-1) for f in found]), 0)
    observable = np.isfinite(found[0].g) & np.isfinite(p)
    counts = found[0].whole[1]
    return {
        "p_value": p,
        "score": -np.log10(p),
        "observable": observable,
        "direction": np.sign(np.choose(best, [f.sign for f in found])) * observable,
        "n_before": counts // 4096,
        "n_after": counts % 4096,
        **dict(zip(DATES, dated, strict=True)),
    }
