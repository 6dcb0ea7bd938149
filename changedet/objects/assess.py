"""What all stacks together say of each claimed object: the numbers that a verdict is made from, and no verdict yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from changedet.claim import ClaimedObject, What
from changedet.detect.calibrate import cauchy_combination, fit_null
from changedet.objects import controls, dating, inject, shapes
from changedet.objects.finding import Finding, Question, StackFinding
from changedet.objects.scan import LEAST_PLACEBOS, MIN_AFTER, MIN_BEFORE, Scan, scan
from changedet.objects.series import Series, measure, planes_of, ring_means
from changedet.site import Period
from changedet.stack import Periods, band_names, geobox_of, ring_mask

Doubles = NDArray[np.float64]

ALPHA = 0.01
LEAST_NULL = 200
"""Controls from which a tail is fitted."""
RESTLESS = 4.0
"""Times the placebo level of its controls above which an object counts as busy."""
LARGE_SHIFT = 0.5
"""Pixels that dates may lie off each other, at the median."""
OFFSET_JUMP = 0.05
"""Reflectance by which all bands of the surroundings may not jump together."""
DARKER = 0.02
"""Reflectance by which sooted ground is darker at least."""


@dataclass(frozen=True, slots=True)
class _View:
    """One stack, ready to be summed over."""

    stack: xr.Dataset
    planes: tuple[NDArray[np.float32], ...]
    reference: NDArray[np.intp]
    window: NDArray[np.intp]
    image: Doubles
    """(y, x): a reference mean, for texture."""

    @property
    def radar(self) -> bool:
        return bool(self.stack.attrs["quantity"] == "gamma0")

    @property
    def key(self) -> str:
        return str(self.stack.attrs["key"])

    @property
    def sensor(self) -> str:
        return str(self.stack.attrs["sensor"])

    @property
    def sigma(self) -> float:
        return shapes.RADAR_SIGMA if self.radar else shapes.OPTICAL_SIGMA

    def measure(self, shape: shapes.Shape, shifts: NDArray[np.int64]) -> Series:
        places = np.array([[shape.row, shape.column]]) + np.concatenate([np.zeros((1, 2), np.int64), shifts])
        return measure(self.planes, self.stack.valid.values, shape, places, self.radar)


@dataclass(frozen=True, slots=True)
class _Seen:
    """One object in one stack."""

    view: _View
    shape: shapes.Shape
    series: Series
    scanned: Scan | None


def assess(
    objects: Sequence[ClaimedObject], question: Question, stacks: Mapping[str, xr.Dataset]
) -> tuple[Finding, ...]:
    """Measure each object against its controls.

    Parameters
    ----------
    stacks : prepared Stacks on one grid, by key

    Returns
    -------
    a finding for each object, in order
    """
    views = [view for stack in stacks.values() if (view := _view(stack, question.periods)) is not None]
    findings = []
    where = None
    for number, one in enumerate(objects):
        limit = shapes.geometric_limit(one.kind)
        if one.diameter < limit or not views:
            findings.append(Finding(one.name, one.diameter, one.diameter < limit, limit))
            continue
        where = where or _field(objects, views[0].stack)
        findings.append(_assess(one, question, views, where, np.random.default_rng([question.seed, number])))
    return tuple(findings)


def _field(objects: Sequence[ClaimedObject], stack: xr.Dataset) -> controls.Field:
    geobox = geobox_of(stack)
    mask = np.zeros(geobox.shape, bool)
    for one in objects:
        mask |= ring_mask(one.ring(), geobox)
    return controls.field((int(geobox.shape[0]), int(geobox.shape[1])), abs(float(geobox.resolution.x)), mask)


def _view(stack: xr.Dataset, periods: Periods) -> _View | None:
    before, after = (np.flatnonzero(side) for side in periods.sides(stack))
    if not len(before):
        return None
    name = "nir" if "nir" in stack else band_names(stack)[0]
    values, valid = stack[name].values[before], stack.valid.values[before]
    image = np.where(valid, values, 0).sum(0, dtype=np.float64) / np.maximum(valid.sum(0), 1)
    image[~valid.any(0)] = np.nan
    if stack.attrs["quantity"] == "gamma0":
        image = np.log(np.where(image > 0, image, np.nan))
    return _View(stack, planes_of(stack), before, after, image)


def _assess(
    one: ClaimedObject, question: Question, views: list[_View], where: controls.Field, rng: np.random.Generator
) -> Finding:
    geobox = geobox_of(views[0].stack)
    seen: list[tuple[_View, shapes.Shape, Series]] = []
    shifts = np.empty((0, 2), np.int64)
    for view in views:
        shape = shapes.footprint(one.ring(), geobox, view.sigma)
        if not seen:
            shifts = controls.candidates(shape, where)
        seen.append((view, shape, view.measure(shape, shifts)))
    picked = _pick(seen, shifts)
    looked = [_Seen(view, shape, series.at(np.concatenate([[0], picked + 1])), None) for view, shape, series in seen]
    looked = [_scanned(each) for each in looked]
    counts = _counts(looked, question)
    stacks, p_intact, p_claimed, power = _chances(looked, question, len(picked), rng)
    dated = dating.date([each.scanned for each in looked if each.scanned is not None]) if p_intact is not None else None
    found = p_intact is not None and p_intact <= ALPHA
    finding = Finding(
        name=one.name,
        diameter=one.diameter,
        too_small=False,
        limit=shapes.geometric_limit(one.kind),
        stacks=stacks,
        p_intact=p_intact,
        p_claimed=p_claimed,
        power=power,
        clear_in_time=counts[0],
        clear_after=counts[1],
        images_after=counts[2],
        restless=any(_restless(each.scanned) for each in looked if each.scanned is not None),
        misregistered=any(_misregistered(each.view) for each in looked),
        offset_suspect=any(_offset(each) for each in looked),
        places=_places(one, shifts[picked], geobox),
    )
    return finding if dated is None or not found else _dated(finding, looked, dated, question.what)


def _pick(seen: list[tuple[_View, shapes.Shape, Series]], shifts: NDArray[np.int64]) -> NDArray[np.intp]:
    """Positions of the controls among the candidates."""
    usable = np.ones(len(shifts), bool)
    parts = []
    for view, shape, series in seen:
        if not series.mask[view.reference, 0].any():
            continue
        usable &= controls.comparable(series, view.reference, view.window)
        all_shifts = np.concatenate([np.zeros((1, 2), np.int64), shifts])
        texture = controls.texture_at(view.image, shape, all_shifts)
        parts.append(controls.features_of(series, view.reference, texture))
    if not parts:
        return np.empty(0, np.intp)
    return controls.nearest(np.concatenate(parts, axis=1), usable)


def _scanned(each: _Seen) -> _Seen:
    """The scan of an object and its controls, on the dates on which the object is seen."""
    own = each.series.mask[:, :1]
    series = Series(each.series.values * own, each.series.mask * own)
    reference = each.view.reference[own[each.view.reference, 0] > 0]
    window = each.view.window[own[each.view.window, 0] > 0]
    if len(reference) < MIN_BEFORE + MIN_AFTER or len(window) < MIN_AFTER or series.mask.shape[1] < LEAST_PLACEBOS:
        return _Seen(each.view, each.shape, series, None)
    return _Seen(each.view, each.shape, series, scan(series, each.view.stack.time.values, reference, window))


def _chances(
    looked: list[_Seen], question: Question, count: int, rng: np.random.Generator
) -> tuple[tuple[StackFinding, ...], float | None, float | None, float | None]:
    """Per stack and fused: p_intact; then p_claimed and power."""
    stacks: list[StackFinding] = []
    own: dict[str, list[Doubles]] = {}
    claimed: dict[str, list[Doubles]] = {}
    days = _days(question.window, count, rng)
    for each in looked:
        p = None
        if each.scanned is not None:
            statistic = each.scanned.statistic()
            null = statistic[1:][np.isfinite(statistic[1:])]
            if np.isfinite(statistic[0]) and len(null) >= LEAST_PLACEBOS:
                p = float(p_value(statistic[:1], null)[0])
                own.setdefault(each.view.sensor, []).append(np.array([p]))
                with_change = inject.injected(each.scanned, _steps(each, question, count, rng), days)
                claimed.setdefault(each.view.sensor, []).append(p_value(with_change, null))
        n_before, n_after = _dates(each, question)
        stacks.append(StackFinding(each.view.key, p, n_before, n_after, count if p is not None else 0))
    if not own:
        return tuple(stacks), None, None, None
    p_intact = float(_fused(own)[0])
    p_changed = _fused(claimed)
    p_changed = p_changed[np.isfinite(p_changed)]
    power = float((p_changed <= ALPHA).mean()) if len(p_changed) else 0.0
    p_claimed = float((1 + (p_changed >= p_intact).sum()) / (1 + len(p_changed)))
    return tuple(stacks), p_intact, p_claimed, power


def p_value(statistic: Doubles, null: Doubles) -> Doubles:
    """(1 + number of controls as extreme)/(number + 1), with a fitted tail beyond them; NaN stays."""
    if len(null) >= LEAST_NULL:
        return fit_null(null).p(statistic)
    above = len(null) - np.searchsorted(np.sort(null), statistic, side="left")
    return np.where(np.isnan(statistic), np.nan, (1 + above) / (len(null) + 1))


def _fused(by_sensor: Mapping[str, list[Doubles]]) -> Doubles:
    """Cauchy combination of the stacks of each sensor, then of the sensors."""
    return cauchy_combination(*(cauchy_combination(*each) for each in by_sensor.values()))


def _days(window: Period, count: int, rng: np.random.Generator) -> NDArray[np.datetime64]:
    """Days of the window at random, as instants."""
    first = np.datetime64(window.start.replace(tzinfo=None), "ns")
    span = (window.end - window.start).total_seconds()
    return first + (rng.uniform(0, span, count) * 1e9).astype("timedelta64[ns]")


def _steps(each: _Seen, question: Question, count: int, rng: np.random.Generator) -> Doubles:
    bands = band_names(each.view.stack)
    if each.view.radar:
        return inject.radar_steps(each.shape.fill, len(bands), count, rng)
    own, ground = _means(each, each.view.reference)
    return inject.optical_steps(question.what, (own, ground, each.shape.fill), bands, count, rng)


def _means(each: _Seen, dates: NDArray) -> tuple[Doubles, Doubles]:
    """Mean over the object's clear dates of its footprint and of the ring around it: (bands,) each."""
    ring = ring_means(
        each.view.planes, each.view.stack.valid.values, each.shape, np.array([[each.shape.row, each.shape.column]])
    )
    mask = each.series.mask[dates, 0]
    both = mask * ring.mask[dates, 0] if (mask * ring.mask[dates, 0]).any() else mask
    weight = both / max(float(both.sum()), 1.0)
    own = (each.series.values[:, dates, 0] * weight).sum(1)
    ground = (ring.values[:, dates, 0] * weight).sum(1)
    return own.astype(np.float64), ground.astype(np.float64)


def _dated(finding: Finding, looked: list[_Seen], dated: dating.Dating, what: What) -> Finding:
    """The finding with when it changed and which images show it."""
    used = [each for each in looked if each.scanned is not None]
    p = {stack.key: stack.p_intact for stack in finding.stacks}
    scenes: list[tuple[np.datetime64, str]] = []
    sensors = set()
    lasting = []
    for each, shown, share in zip(used, dated.shown, dated.shares, strict=True):
        value = p[each.view.key]
        if value is None or value > 0.05:
            continue
        sensors.add(each.view.sensor)
        lasting.append(share >= 0.5)
        ids, times = each.view.stack.scene_id.values, each.view.stack.time.values
        scenes += [(times[t], str(ids[t])) for t in shown]
    return replace(
        finding,
        date_first=_utc(dated.first),
        date_last=_utc(dated.last),
        bracket_after=_utc(dated.after),
        bracket_before=_utc(dated.before),
        scenes=tuple(scene for _, scene in sorted(scenes)),
        sensors=len(sensors),
        lasting=any(lasting),
        as_claimed=all(_as_claimed(each, dated, what) for each in used if not each.view.radar),
    )


def _as_claimed(each: _Seen, dated: dating.Dating, what: What) -> bool:
    """Whether the object's contrast to its surroundings went the way of the claim."""
    times = each.view.stack.time.values
    later = np.array([t for t in each.view.window if times[t] >= dated.before and each.series.mask[t, 0] > 0], int)
    if what == "intact" or not len(later):
        return True
    own, ground = _means(each, each.view.reference)
    own_after, ground_after = _means(each, later)
    contrast, contrast_after = own - ground, own_after - ground_after
    smaller = float(contrast_after @ contrast_after) < float(contrast @ contrast)
    if what == "built":
        return not smaller
    darker = float((contrast_after - contrast).mean()) < -DARKER * each.shape.fill
    return smaller or darker


def _counts(looked: list[_Seen], question: Question) -> tuple[int, int, int]:
    """Images from the window's first day on: clear ones, clear ones after its last day, all of them."""
    first, last = (np.datetime64(day.replace(tzinfo=None)) for day in (question.window.start, question.window.end))
    clear = after = images = 0
    for each in looked:
        times = each.view.stack.time.values[each.view.window]
        mask = each.series.mask[each.view.window, 0] > 0
        clear += int((mask & (times >= first)).sum())
        after += int((mask & (times >= last)).sum())
        images += int((times >= first).sum())
    return clear, after, images


def _dates(each: _Seen, question: Question) -> tuple[int, int]:
    first = np.datetime64(question.window.start.replace(tzinfo=None))
    times = each.view.stack.time.values[each.view.window]
    mask = each.series.mask[:, 0] > 0
    return int(mask[each.view.reference].sum()), int((mask[each.view.window] & (times >= first)).sum())


def _restless(scanned: Scan) -> bool:
    return bool(scanned.level[0] > RESTLESS * np.median(scanned.level[1:]))


def _misregistered(view: _View) -> bool:
    if "shift_residual" not in view.stack.coords:
        return False
    residual = view.stack.shift_residual.values
    residual = residual[np.isfinite(residual)]
    return bool(len(residual) and np.median(residual) > LARGE_SHIFT)


def _offset(each: _Seen) -> bool:
    if each.view.radar or each.scanned is None:
        return False
    jump = each.scanned.jump
    return bool((jump > OFFSET_JUMP).all() or (jump < -OFFSET_JUMP).all())


def _places(one: ClaimedObject, shifts: NDArray[np.int64], geobox: object) -> tuple[tuple[float, float], ...]:
    from odc.geo.geobox import GeoBox
    from odc.geo.geom import multipoint, polygon

    assert isinstance(geobox, GeoBox)
    if not len(shifts):
        return ()
    x, y = polygon(list(one.ring()), crs="EPSG:4326").to_crs(str(geobox.crs)).centroid.coords[0]
    pixel = abs(float(geobox.resolution.x))
    points = multipoint([(x + pixel * float(dx), y - pixel * float(dy)) for dy, dx in shifts], str(geobox.crs))
    return tuple((round(float(p.coords[0][0]), 6), round(float(p.coords[0][1]), 6)) for p in points.to_crs("EPSG:4326"))


def _utc(moment: np.datetime64) -> datetime:
    value = moment.astype("datetime64[s]").item()
    assert isinstance(value, datetime)
    return value.replace(tzinfo=UTC)
