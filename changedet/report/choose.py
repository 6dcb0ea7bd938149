"""Which dates a picture shows: of each side the clearest, then the one that compares best.

A date that is clear but seen before the change, or in another season, makes a picture that misleads. So the choice is

1. dates of the side only, and where the onset is known, outside its bracket, if one of those is clear enough;
2. among them those whose clear share is within ``TOLERANCE`` of the best;
3. among pairs of those, the least ``season + LIGHT × (unlikeness of light) + AGE × (days before the event + days
   before the newest image)``: a low sun or a thin haze looks like a change of everything.

Radar sees through clouds but is grainy: its sides are means over up to ``LOOKS`` dates, those next to the event before
and the newest after.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from changedet.evidence import Evidence
from changedet.regions import Detection
from changedet.stack import Periods, band_names

TOLERANCE = 0.05
"""Clear shares that differ by less count as equal."""
CLEAR_ENOUGH = 0.6
"""A date outside the onset bracket is preferred to a clearer one within when at least this much of it is clear."""
AGE = 0.25
"""Days of season that one day of age is worth."""
LIGHT = 150
"""Days of season that a brightness e times another is worth."""
SAMPLE = 20_000
"""Pixels at most from which a date's light is judged."""
LOOKS = 4

Window = tuple[slice, slice]
WHOLE: Window = (slice(None), slice(None))


@dataclass(frozen=True, slots=True)
class Pair:
    """The dates of one picture, as positions on ``stack.time``; more than one a side means their mean."""

    key: str
    """Of the stack."""
    before: tuple[int, ...]
    after: tuple[int, ...]


def clear_shares(
    stack: xr.Dataset, window: Window = WHOLE, changed: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """The clear share of each date, 0–1, over those pixels of a window that any date shows.

    Parameters
    ----------
    changed : (y, x) of the whole grid; where given, the changed pixels together weigh as much as the whole window,
        since a cloud over them hides what the picture is about
    """
    valid: NDArray[np.bool_] = stack.valid.values[:, window[0], window[1]]
    ever = max(1, int(valid.any(axis=0).sum()))
    share = np.asarray(valid.sum(axis=(1, 2)) / ever, np.float64)
    inside = None if changed is None else changed[window]
    if inside is None or not inside.any():
        return share
    return np.asarray((share + valid[:, inside].mean(axis=1)) / 2, np.float64)


def site_pair(evidence: Evidence, key: str) -> Pair | None:
    """The dates for a picture of the whole site from one stack; None where a side shows nothing at all."""
    return _pair(evidence, key, WHOLE, evidence.detections)


def detection_pair(evidence: Evidence, key: str, detection: Detection, window: Window) -> Pair | None:
    """The dates for a close-up of one detection; None where a side shows nothing of the window."""
    return _pair(evidence, key, window, (detection,))


def leading_pair(evidence: Evidence) -> Pair | None:
    """The pair of the first stack, optical ones first, that shows something on both sides."""
    return next((pair for key in evidence.stacks if (pair := site_pair(evidence, key)) is not None), None)


def stack_keys(evidence: Evidence, sensor: str) -> tuple[str, ...]:
    """Keys of the stacks of one sensor, in the order of the evidence."""
    return tuple(key for key, stack in evidence.stacks.items() if stack.attrs["sensor"] == sensor)


def utc(moment: datetime) -> np.datetime64:
    """An aware datetime as a date of ``stack.time``."""
    return np.datetime64(moment.replace(tzinfo=None), "ns")


def _pair(evidence: Evidence, key: str, window: Window, about: tuple[Detection, ...]) -> Pair | None:
    stack = evidence.stacks[key]
    shares = clear_shares(stack, window, evidence.change.changed.values)
    before, after = Periods(evidence.site.before, evidence.site.after).sides(stack)
    times = stack.time.values
    starts = [utc(d.onset.after) for d in about if d.onset.after is not None]
    ends = [utc(d.onset.before) for d in about if d.onset.before is not None]
    early = times <= min(starts) if starts else np.ones(len(times), bool)
    late = times >= max(ends) if ends else np.ones(len(times), bool)
    best = [_candidates(shares, side, wanted) for side, wanted in ((before, early), (after, late))]
    if not best[0].size or not best[1].size:
        return None
    if stack.attrs["quantity"] == "gamma0":
        # as many on both sides: means of unlike numbers differ in grain, and the eye takes that for change
        looks = min(LOOKS, *(side.size for side in best))
        return Pair(key, _numbers(best[0][-looks:]), _numbers(best[1][-looks:]))
    level = _light(stack, window, evidence.change.changed.values)
    i, j = _most_alike(times, level, best[0], best[1])
    return Pair(key, (i,), (j,))


def _candidates(shares: NDArray, side: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Positions of the dates that are as clear as the clearest of the side."""
    pool = side & wanted
    if not (shares[pool] >= CLEAR_ENOUGH).any():
        pool = side
    if not pool.any() or shares[pool].max() <= 0:
        return np.empty(0, np.intp)
    return np.flatnonzero(pool & (shares >= shares[pool].max() - TOLERANCE) & (shares > 0))


def _light(stack: xr.Dataset, window: Window, changed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Natural logarithms of the quartiles of visible reflectance over unchanged ground, dims (date, quartile)."""
    names = [name for name in ("blue", "green", "red") if name in stack.data_vars] or band_names(stack)
    still = ~changed[window]
    step = max(1, math.ceil(math.sqrt(still.size / SAMPLE)))
    thin = (slice(None, None, step), slice(None, None, step))
    level = np.zeros((stack.sizes["time"], 3))
    for i in range(len(level)):
        seen = (still & stack.valid[i].values[window])[thin]
        if seen.any():
            grey = np.mean([stack[name][i].values[window][thin][seen] for name in names], axis=0)
            level[i] = np.log(np.maximum(np.percentile(grey, (25, 50, 75)), 1e-3))
    return level


def _most_alike(
    times: NDArray[np.datetime64], light: NDArray[np.float64], before: NDArray[np.intp], after: NDArray[np.intp]
) -> tuple[int, int]:
    days = (times - np.datetime64("1970-01-01", "ns")) / np.timedelta64(1, "D")
    day_of_year = days % 365.2425
    season = np.abs(day_of_year[before][:, None] - day_of_year[after][None, :])
    season = np.minimum(season, 365.2425 - season)
    age = (days[before].max() - days[before])[:, None] + (days[after].max() - days[after])[None, :]
    unlike = np.abs(light[before][:, None] - light[after][None, :]).mean(axis=-1)
    i, j = np.unravel_index(int(np.argmin(season + LIGHT * unlike + AGE * age)), season.shape)
    return int(before[i]), int(after[j])


def _numbers(positions: NDArray[np.intp]) -> tuple[int, ...]:
    return tuple(int(i) for i in positions)
