"""Time series of each detection and sensor, and the placebo histogram, as SVG.

The text of an SVG stays text, so that it can be read aloud, searched and scaled; the same values give the same bytes.
:func:`themed` makes a drawing follow the reader's light or dark setting.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from changedet.evidence import Evidence
from changedet.regions import Detection, Onset
from changedet.report.ground import outline_mask
from changedet.report.words import BAND_NAMES, MONTHS, stack_name, utc
from changedet.stack import Periods, band_names

INK, MUTED, GRID, CHANGE, NORMAL = "#1b2025", "#59636e", "#c9d0d6", "#b8460b", "#d3e0ea"
"""Ink, secondary ink, rules, the colour of change, the band of what is normal: on white paper."""
DARK = {INK: "#eceff1", MUTED: "#a9b4be", GRID: "#46505a", CHANGE: "#ff9a5c", NORMAL: "#2c4152"}
MARGIN = 15
"""Pixels around an outline that count as its surroundings."""
NO_SPREAD = 1e-9
"""A median residual below this is none: most dates are equal, and the standard deviation speaks instead."""
LEAST_DATES = 3
"""Clear dates from which a spread can be had."""
HARMONIC_MIN_DATES, HARMONIC_MIN_DAYS = 24, 365
STYLE: dict[Any, object] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "changedet",
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.linewidth": 0.7,
    "path.simplify": False,
}


@dataclass(frozen=True, slots=True)
class Series:
    """What one sensor measured inside one outline, date by date."""

    key: str
    """Stack key."""
    name: str
    """Sensor and orbit in words."""
    band: str
    """The band drawn: the one that left its baseline furthest."""
    radar: bool
    times: NDArray[np.datetime64]
    inside: NDArray[np.float64]
    """Mean in the outline, reflectance or dB; NaN where less than half of it was clear."""
    around: NDArray[np.float64]
    """Median of unchanged ground within ``MARGIN`` pixels; NaN where clouded."""
    expected: NDArray[np.float64]
    """What would be normal: the surroundings of that date, and the difference that the reference period taught."""
    spread: float
    """Robust standard deviation about the baseline; NaN with fewer than three clear dates before."""
    onset: Onset

    @property
    def clouded(self) -> int:
        """Dates on which the place was hidden."""
        return int(np.isnan(self.inside).sum())

    @property
    def unit(self) -> str:
        """What the vertical axis shows."""
        return f"{BAND_NAMES[self.band]}, dB" if self.radar else f"reflectance, {BAND_NAMES[self.band]}"

    def summary(self) -> str:
        """The drawing in a sentence, for those who do not see it."""
        after = self.inside[self._shown()]
        clear = after[np.isfinite(after)]
        text = f"{self.name}, {self.unit}: {len(self.times)} dates, {self.clouded} of them clouded here"
        normal = self.expected[self._shown() & np.isfinite(self.expected)]
        if len(normal) and len(clear):
            digits = 1 if self.radar else 3
            text += f"; after the change {clear.mean():.{digits}f}, where {normal.mean():.{digits}f}"
            if np.isfinite(self.spread):
                text += f" ± {2 * self.spread:.{digits}f}"
            text += " would be normal"
        return (text + ".").replace("-", "−").replace("Sentinel−", "Sentinel-")

    def _shown(self) -> NDArray[np.bool_]:
        if self.onset.before is None:
            return np.zeros(len(self.times), bool)
        return np.asarray(self.times >= np.datetime64(self.onset.before.replace(tzinfo=None), "ns"))


def measure(evidence: Evidence, detection: Detection) -> tuple[Series, ...]:
    """The series of every stack inside the outline of a detection, optical first."""
    periods = Periods(evidence.site.before, evidence.site.after)
    found = []
    for key, stack in evidence.stacks.items():
        series = _measure(key, stack, evidence.change, detection, periods)
        if series is not None:
            found.append(series)
    return tuple(found)


def _measure(key: str, stack: xr.Dataset, change: xr.Dataset, detection: Detection, periods: Periods) -> Series | None:
    mask = outline_mask(detection, stack)
    if not mask.any():
        return None
    rows, cols = (_window(np.flatnonzero(mask.any(axis=axis)), MARGIN) for axis in (1, 0))
    mask = mask[rows, cols]
    ring = ~mask & ~change.changed.values[rows, cols]
    radar = stack.attrs["quantity"] == "gamma0"
    before, after = periods.sides(stack)
    if detection.onset.before is not None:
        after = stack.time.values >= np.datetime64(detection.onset.before.replace(tzinfo=None), "ns")
    best: Series | None = None
    best_excess = -1.0
    for band in band_names(stack):
        cube = stack[band].values[:, rows, cols]
        inside, around = _mean(cube[:, mask], radar), _median(cube[:, ring], radar)
        expected, spread = normal(stack.time.values, inside, around, before)
        departure = np.abs(inside - expected)[after]
        departure = departure[np.isfinite(departure)]
        excess = float(departure.mean() / max(spread, 1e-6)) if len(departure) and np.isfinite(spread) else 0.0
        if excess > best_excess:
            orbits = sorted(set(stack.relative_orbit.values.tolist()))
            name = stack_name(key, str(stack.attrs["sensor"]), orbits)
            best_excess = excess
            best = Series(key, name, band, radar, stack.time.values, inside, around, expected, spread, detection.onset)
    return best


def _window(index: NDArray[np.intp], margin: int) -> slice:
    return slice(max(0, int(index[0]) - margin), int(index[-1]) + margin + 1)


def _mean(values: NDArray, radar: bool) -> NDArray[np.float64]:
    """Mean a date over pixels (time, n), in dB of the linear mean for radar; NaN where under half are clear."""
    clear = np.isfinite(values)
    total = np.where(clear, values, 0).sum(axis=1, dtype=np.float64)
    mean = np.full(len(values), np.nan)
    enough = clear.mean(axis=1) >= 0.5
    mean[enough] = total[enough] / clear.sum(axis=1)[enough]
    return _decibel(mean) if radar else mean


def _median(values: NDArray, radar: bool) -> NDArray[np.float64]:
    median = np.full(len(values), np.nan)
    if values.shape[1] == 0:
        return median
    for i, row in enumerate(values):
        clear = row[np.isfinite(row)]
        if len(clear) >= 0.5 * len(row):
            median[i] = np.median(clear)
    return _decibel(median) if radar else median


def _decibel(power: NDArray[np.float64]) -> NDArray[np.float64]:
    return 10 * np.log10(np.maximum(power, 1e-5))


def normal(
    times: NDArray[np.datetime64], inside: NDArray[np.float64], around: NDArray[np.float64], before: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], float]:
    """What the place should show on each date, judged by the ground around it: that follows season, sun and haze.

    Where the surroundings were seen on too few dates, the place's own baseline serves.

    Returns
    -------
    Expected value a date (NaN where the surroundings were hidden), and the robust standard deviation about it.
    """
    if (before & np.isfinite(inside) & np.isfinite(around)).sum() < LEAST_DATES:
        return baseline(times, inside, before)
    difference, spread = baseline(times, inside - around, before)
    return around + difference, spread


def baseline(
    times: NDArray[np.datetime64], values: NDArray[np.float64], before: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], float]:
    """What was normal: the mean, or mean and yearly wave where a year of clear dates allows it.

    Parameters
    ----------
    times, values, before : per date; ``before`` marks the reference period

    Returns
    -------
    The baseline at every date, and 1.4826 × the median absolute residual about it (NaN below three clear dates).
    """
    used = before & np.isfinite(values)
    days = (times - times[0]) / np.timedelta64(1, "D")
    if used.sum() < LEAST_DATES:
        return np.full(len(times), values[used].mean() if used.any() else np.nan), np.nan
    design = np.ones((len(times), 1))
    if used.sum() >= HARMONIC_MIN_DATES and np.ptp(days[used]) >= HARMONIC_MIN_DAYS:
        angle = 2 * np.pi * days / 365.25
        design = np.stack([np.ones_like(angle), np.cos(angle), np.sin(angle)], axis=1)
    weights, *_ = np.linalg.lstsq(design[used], values[used], rcond=None)
    expected = design @ weights
    residual = values[used] - expected[used]
    spread = 1.4826 * float(np.median(np.abs(residual - np.median(residual))))
    return expected, spread if spread > NO_SPREAD else float(residual.std())


def draw(series: Series, *, simulated: bool = False) -> str:
    """The series as an SVG for white paper: normal band, surroundings, measurements, onset bracket, clouded dates."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.0, 2.0))
        axes = figure.add_axes((0.1, 0.14, 0.89, 0.76))
        _frame(axes)
        times = series.times.astype("datetime64[s]").astype(np.int64) / 86400.0
        clear = np.isfinite(series.inside)
        known = np.isfinite(series.expected)
        if np.isfinite(series.spread):
            low, high = (series.expected[known] + side * 2 * series.spread for side in (-1, 1))
            axes.fill_between(times[known], low, high, color=NORMAL, linewidth=0, zorder=1)
        seen = np.isfinite(series.around)
        axes.plot(times[seen], series.around[seen], color=MUTED, linewidth=0.8, zorder=2)
        axes.plot(times[clear], series.inside[clear], color=INK, linewidth=0.9, zorder=4)
        axes.plot(times[clear], series.inside[clear], "o", color=INK, markersize=3.2, zorder=5)
        _mark_onset(axes, series.onset)
        bottom = axes.get_xaxis_transform()
        axes.plot(times[~clear], np.full((~clear).sum(), 0.045), "x", color=MUTED, transform=bottom, markersize=4)
        _unit(axes, "dB" if series.radar else "reflectance")
        _date_axis(axes, series.times)
        _mark(axes, simulated)
        return _svg(figure)


def _unit(axes: Axes, words: str) -> None:
    axes.text(0, 1.03, words, transform=axes.transAxes, color=MUTED, fontsize=8)
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))


def _mark(axes: Axes, simulated: bool) -> None:
    if simulated:
        axes.text(1, 1.03, "SIMULATED", transform=axes.transAxes, ha="right", color=CHANGE, fontsize=7)


def _mark_onset(axes: Axes, onset: Onset) -> None:
    edges = [None if moment is None else moment.timestamp() / 86400 for moment in (onset.after, onset.before)]
    first, last = edges
    if first is not None and last is not None:
        axes.axvspan(first, last, color=CHANGE, alpha=0.22, linewidth=0, zorder=0)
    for edge in (first, last):
        if edge is not None:
            axes.axvline(edge, color=CHANGE, linewidth=1, zorder=3)


def histogram(
    edges: Sequence[float], counts: Sequence[int], threshold: float | None, label: str, simulated: bool = False
) -> str:
    """Bars of how often unchanged ground gave each value, with the threshold as a line, as an SVG."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.0, 2.4))
        axes = figure.add_axes((0.135, 0.19, 0.855, 0.72))
        _frame(axes)
        left = np.asarray(edges, np.float64)
        axes.bar(left[:-1], counts, np.diff(left), align="edge", color=NORMAL, edgecolor=MUTED, linewidth=0.4)
        if threshold is not None and np.isfinite(threshold):
            axes.axvline(threshold, color=CHANGE, linewidth=1.2)
        axes.set_xlabel(label, color=MUTED)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        _unit(axes, "number of values")
        axes.set_xlim(left[0], left[-1])
        _mark(axes, simulated)
        return _svg(figure)


def _frame(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GRID)
    axes.tick_params(colors=MUTED, width=0.7, length=3, labelsize=8)
    axes.grid(axis="y", color=GRID, linewidth=0.4)
    axes.set_axisbelow(True)


def _date_axis(axes: Axes, times: NDArray[np.datetime64]) -> None:
    """Ticks at firsts of months, at most six, named by month and year."""
    first, last = utc(times[0]), utc(times[-1])
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    step = next((s for s in (1, 2, 3, 4, 6, 12, 24, 36, 60) if months / s <= 5), 120)
    start = first.year * 12 + first.month - 1
    marks = [m for m in range(start, start + months + 1) if m % step == 0 and m > start]
    span = times[[0, -1]].astype("datetime64[s]").astype(np.int64) / 86400.0
    margin = max(1.0, 0.02 * float(span[1] - span[0]))
    left, right = float(span[0]) - margin, float(span[1]) + margin
    places = [(float(np.datetime64(f"{m // 12:04d}-{m % 12 + 1:02d}", "D").astype(np.int64)), m) for m in marks]
    room = 0.07 * (right - left)
    kept = [(tick, f"{MONTHS[m % 12]} {m // 12}") for tick, m in places if left + room < tick < right - room]
    axes.set_xticks([tick for tick, _ in kept], [label for _, label in kept])
    axes.set_xlim(left, right)


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    return re.sub(r"\s*\n\s*", "\n", text)


def themed(svg: str) -> str:
    """The drawing with its colours bound to the reader's light or dark setting, and the reader's own sans-serif."""
    style = [f"--c{i}:{colour}" for i, colour in enumerate(DARK)]
    dark = [f"--c{i}:{colour}" for i, colour in enumerate(DARK.values())]
    for i, colour in enumerate(DARK):
        svg = svg.replace(colour, f"var(--c{i})")
    svg = svg.replace("'DejaVu Sans'", "system-ui, 'DejaVu Sans', sans-serif")
    head = svg.index(">", svg.index("<svg")) + 1
    rule = f"<style>:root{{{';'.join(style)}}}@media(prefers-color-scheme:dark){{:root{{{';'.join(dark)}}}}}</style>"
    return svg[:head] + rule + svg[head:]


def size(svg: str) -> tuple[int, int]:
    """Width and height of a drawing in CSS pixels."""
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert found is not None
    return round(float(found[1]) * 4 / 3), round(float(found[2]) * 4 / 3)
