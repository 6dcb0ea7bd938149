"""How far the dates of an optical stack stand above each other, two by two, on dark and on bright ground.

``offsets.py`` tells from it which dates carry a wrong offset. Dates of one season are compared, so that neither snow
nor leaves stand between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from changedet import scratch
from changedet.stack import band_names

MOST_CELLS = 2000
COMPARED = 24
"""Dates nearest in season that each date is compared with."""
SEASON = 45.0
"""Days of the year between two dates that may be compared."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The dates of a stack two by two; with it a further date is checked without the pixels of the dates before."""

    times: NDArray[np.datetime64]
    ids: NDArray[np.object_]
    """Of the dates."""
    cells: NDArray[np.float32]
    """Some pixels of every date. (band, time, cell)"""
    pairs: NDArray[np.intp]
    """Dates that were compared. (pair, 2)"""
    jumps: NDArray[np.float32]
    """What each pair showed. (pair, 2, band)"""


def compare(
    stack: xr.Dataset, least_cells: int, ignore: NDArray[np.bool_] | None, known: Compared | None = None
) -> Compared:
    """The dates of a stack two by two, after those that are ``known`` where there are any."""
    times, ids, cells = stack.time.values, stack.scene_id.values, _sample(stack, ignore, least_cells)
    if known is not None:
        times, ids = np.concatenate([known.times, times]), np.concatenate([known.ids, ids])
        cells = np.concatenate([known.cells, cells], axis=1)
    pairs = _pairs(times)
    return Compared(times, ids, cells, pairs, _jumps(cells, pairs, least_cells, known))


def _sample(stack: xr.Dataset, ignore: NDArray[np.bool_] | None, least_cells: int) -> NDArray[np.float32]:
    """Some pixels outside ``ignore``, or of all ground where too few lie outside. (band, time, cell)"""
    cells = np.flatnonzero(np.ones(stack.valid.shape[1:], bool) if ignore is None else ~ignore)
    if len(cells) < least_cells:
        cells = np.arange(stack.valid[0].size)
    cells = cells[:: max(1, len(cells) // MOST_CELLS)]
    cube = []
    for band in band_names(stack):
        values = stack[band].values
        cube.append(values.reshape(len(values), -1)[:, cells])
        scratch.release([values])
    return np.stack(cube)


def _pairs(times: NDArray[np.datetime64]) -> NDArray[np.intp]:
    """Which dates to compare: of each those nearest in season, and the next in time. (pair, 2), first before second"""
    days = times.astype("datetime64[D]")
    season = (days - days.astype("datetime64[Y]")).astype(int)
    apart = np.abs(season[:, None] - season)
    apart = np.minimum(apart, 365 - apart).astype(float)
    np.fill_diagonal(apart, np.inf)
    count = len(times)
    near = np.argsort(apart, axis=1, kind="stable")[:, :COMPARED]
    chosen = {
        (min(i, int(j)), max(i, int(j))) for i in range(count) for j in near[i] if apart[i, j] <= SEASON or count == 2
    }
    chosen |= {(i, i + 1) for i in range(count - 1)}
    return np.array(sorted(chosen), np.intp).reshape(-1, 2)


def _jumps(
    cube: NDArray[np.float32], pairs: NDArray[np.intp], least_cells: int, known: Compared | None = None
) -> NDArray[np.float32]:
    """Median of second minus first, on the darkest and on the brightest third. (pair, 2, band), NaN where too few"""
    found = np.full((len(pairs), 2, len(cube)), np.nan, np.float32)
    rows = {} if known is None else {pair: row for row, pair in enumerate(map(tuple, known.pairs.tolist()))}
    for row, (i, j) in enumerate(pairs.tolist()):
        if known is not None and (i, j) in rows:
            found[row] = known.jumps[rows[i, j]]
            continue
        difference = cube[:, j] - cube[:, i]
        seen = np.isfinite(difference).all(0)
        if seen.sum() < least_cells:
            continue
        difference = difference[:, seen]
        dark, bright = thirds((cube[:, i] + cube[:, j])[:, seen].sum(0))
        found[row, 0] = np.median(difference[:, dark], axis=1)
        found[row, 1] = np.median(difference[:, bright], axis=1)
    return found


def thirds(light: NDArray[np.float32]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where the darkest and where the brightest third lie."""
    low, high = np.quantile(light, (1 / 3, 2 / 3))
    return light <= low, light >= high
