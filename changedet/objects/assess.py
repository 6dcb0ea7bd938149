"""What all stacks together say of each claimed object: the numbers that a verdict is made from, and no verdict yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from odc.geo.geom import multipoint, polygon

from changedet.claim import ClaimedObject, What
from changedet.objects import controls, dating, shapes
from changedet.objects.chance import chances
from changedet.objects.finding import Finding, Question
from changedet.objects.limit import smallest_object
from changedet.objects.look import Seen, View, field_of, look_at, means_of, pick, view_of
from changedet.objects.scan import Scan
from changedet.stack import geobox_of, instant

SHOWS = 0.05
"""Up to this p_intact a stack by itself counts among those that show the change."""
LASTING = 0.5
"""Share of the clear dates from the change on that must show it."""
RESTLESS = 2.0
"""Times by which a busy object wanders more than its controls."""
LARGE_SHIFT = 0.5
"""Pixels that dates may lie off each other, at the median."""
OFFSET_JUMP = 0.05
"""Reflectance by which all bands of the surroundings may not jump together."""
LOUDER = 0.7
"""ln power, 3 dB: by which rubble echoes louder than what stood there, at most."""
DARKER = 0.06
"""Reflectance by which sooted ground is darker than what it covers, at least."""


def assess(
    objects: Sequence[ClaimedObject],
    question: Question,
    stacks: Mapping[str, xr.Dataset],
    with_limit: bool = True,
) -> tuple[tuple[Finding, ...], float | None]:
    """Measure each object against its controls.

    Parameters
    ----------
    stacks : prepared Stacks on one grid, by key
    with_limit : whether to measure the smallest object that would have been found

    Returns
    -------
    a finding for each object, in order; and metres across of the smallest object that would have been found, None where
    it cannot be told
    """
    views = [view for stack in stacks.values() if (view := view_of(stack, question.periods)) is not None]
    findings = []
    where = None
    for number, one in enumerate(objects):
        limit = shapes.geometric_limit(one.kind)
        if one.diameter < limit or not views:
            findings.append(Finding(one.name, one.diameter, one.diameter < limit, limit))
            continue
        where = where or field_of(objects, views[0].stack)
        findings.append(_assess(one, question, views, where, np.random.default_rng([question.seed, number])))
    smallest = smallest_object(views, where, question, objects) if where is not None and with_limit else None
    return tuple(findings), smallest


def _assess(
    one: ClaimedObject, question: Question, views: list[View], where: controls.Field, rng: np.random.Generator
) -> Finding:
    geobox = geobox_of(views[0].stack)
    outlines = [
        shapes.without(shapes.footprint(one.ring(), geobox, view.sigma), where.away < shapes.RING_INNER)
        for view in views
    ]
    shifts = controls.candidates(outlines[0], where)
    picked = pick(views, outlines, shifts)
    looked = [look_at(view, shape, shifts[picked]) for view, shape in zip(views, outlines, strict=True)]
    return _concluded(one, question, looked, (_places(one, shifts[picked], geobox), rng))


def _concluded(
    one: ClaimedObject,
    question: Question,
    looked: list[Seen],
    compared: tuple[tuple[tuple[float, float], ...], np.random.Generator],
) -> Finding:
    """The finding from the scans of one object.

    Parameters
    ----------
    compared : where its controls lie; and the stream that the injected changes are drawn from
    """
    places, rng = compared
    clear_after, images_after = _counts(looked, question)
    chance = chances(looked, question, len(places), rng)
    scans = [each.scanned for each in looked if each.scanned is not None]
    dated = dating.date(scans, instant(question.periods.before.end)) if chance.p_intact is not None else None
    finding = Finding(
        name=one.name,
        diameter=one.diameter,
        too_small=False,
        limit=shapes.geometric_limit(one.kind),
        stacks=chance.stacks,
        p_intact=chance.p_intact,
        p_claimed=chance.p_claimed,
        power=chance.power,
        silent=chance.silent,
        clear_in_time=sum(stack.n_after for stack in chance.stacks),
        clear_after=clear_after,
        images_after=images_after,
        restless=any(_restless(each.scanned) for each in looked if each.scanned is not None),
        misregistered=any(_misregistered(each.view) for each in looked),
        offset_suspect=any(_offset(each) for each in looked),
        places=places,
    )
    return finding if dated is None or not finding.changed else _dated(finding, looked, dated, question.what)


def _dated(finding: Finding, looked: list[Seen], dated: dating.Dating, what: What) -> Finding:
    """The finding with when it changed and which images show it."""
    used = [each for each in looked if each.scanned is not None]
    p = {stack.key: stack.p_intact for stack in finding.stacks}
    scenes: list[tuple[np.datetime64, str]] = []
    sensors = set()
    lasting = []
    for each, shown, share in zip(used, dated.shown, dated.shares, strict=True):
        value = p[each.view.key]
        if value is None or value > SHOWS:
            continue
        sensors.add(each.view.sensor)
        lasting.append(share >= LASTING)
        ids, times = each.view.stack.scene_id.values, each.view.stack.time.values
        scenes += [(times[t], str(ids[t])) for t in shown]
    return replace(
        finding,
        date_first=_utc(dated.first),
        date_last=_utc(dated.last),
        bracket_after=_utc(dated.after),
        bracket_before=_utc(dated.before),
        loose_after=_utc(dated.loose[0]),
        loose_before=_utc(dated.loose[1]),
        scenes=tuple(scene for _, scene in sorted(scenes)),
        sensors=len(sensors),
        lone_orbit=_lone_orbit(used, p),
        lasting=any(lasting),
        as_claimed=_all_as_claimed(used, p, dated, what),
    )


def _lone_orbit(used: list[Seen], p: Mapping[str, float | None]) -> bool:
    known = [(value, each.view.radar) for each in used if (value := p[each.view.key]) is not None]
    shown = [radar for value, radar in known if value <= SHOWS]
    return shown == [True] and sum(radar for _, radar in known) > 1


def _all_as_claimed(used: list[Seen], p: Mapping[str, float | None], dated: dating.Dating, what: What) -> bool:
    """Whether the change went the way of the claim in what shows it.

    Every optical stack must agree where any shows the change; radar only where it shows it best, for an echo may go
    either way for reasons that a picture tells apart.
    """
    shown = [(value, each) for each in used if (value := p[each.view.key]) is not None and value <= SHOWS]
    optical = [each for each in used if not each.view.radar]
    if any(not each.view.radar for _, each in shown) and not all(_as_claimed(each, dated, what) for each in optical):
        return False
    best = min((value for value, each in shown if not each.view.radar), default=SHOWS)
    radar = [each for value, each in shown if each.view.radar and value <= best]
    return all(_echo_as_claimed(each, dated, what) for each in radar)


def _echo_as_claimed(each: Seen, dated: dating.Dating, what: What) -> bool:
    """Whether the object's echo came nearer to that of its ring, or for a claim of building, went away from it.

    Rubble may echo louder than a flat roof did, but hardly by as much as new walls.
    """
    times = each.view.stack.time.values
    later = np.array([t for t in each.view.window if times[t] >= dated.before and each.series.mask[t, 0] > 0], int)
    if what == "intact" or not len(later):
        return True
    over, over_after = each.mean_of(each.view.reference), each.mean_of(later)
    smaller = float(over_after @ over_after) < float(over @ over)
    if what == "built":
        return not smaller
    return smaller or float((over_after - over).mean()) < LOUDER * each.shape.fill


def _as_claimed(each: Seen, dated: dating.Dating, what: What) -> bool:
    """Whether the object's contrast to its surroundings went the way of the claim."""
    times = each.view.stack.time.values
    later = np.array([t for t in each.view.window if times[t] >= dated.before and each.series.mask[t, 0] > 0], int)
    if what == "intact" or not len(later):
        return True
    own, ground = means_of(each, each.view.reference)
    own_after, ground_after = means_of(each, later)
    contrast, contrast_after = own - ground, own_after - ground_after
    smaller = float(contrast_after @ contrast_after) < float(contrast @ contrast)
    if what == "built":
        return not smaller
    change = contrast_after - contrast
    return smaller or bool((change < 0).all() and change.mean() < -DARKER * each.shape.fill)


def _counts(looked: list[Seen], question: Question) -> tuple[int, int]:
    """Clear images after the window's last day, and all images from its first day on."""
    first, last = instant(question.window.start), instant(question.window.end)
    after = images = 0
    for each in looked:
        times = each.view.stack.time.values[each.view.window]
        mask = each.series.mask[each.view.window, 0] > 0
        after += int((mask & (times >= last)).sum())
        images += int((times >= first).sum())
    return after, images


def _restless(scanned: Scan) -> bool:
    return bool(scanned.restless[0] > RESTLESS)


def _misregistered(view: View) -> bool:
    if "shift_residual" not in view.stack.coords:
        return False
    residual = view.stack.shift_residual.values
    residual = residual[np.isfinite(residual)]
    return bool(len(residual) and np.median(residual) > LARGE_SHIFT)


def _offset(each: Seen) -> bool:
    if each.view.radar or each.scanned is None:
        return False
    jump = each.scanned.jump
    return bool((jump > OFFSET_JUMP).all() or (jump < -OFFSET_JUMP).all())


def _places(one: ClaimedObject, shifts: NDArray[np.int64], geobox: GeoBox) -> tuple[tuple[float, float], ...]:
    if not len(shifts):
        return ()
    x, y = polygon(list(one.ring()), crs="EPSG:4326").to_crs(str(geobox.crs)).centroid.coords[0]
    pixel = abs(float(geobox.resolution.x))
    points = multipoint([(x + pixel * float(dx), y - pixel * float(dy)) for dy, dx in shifts], str(geobox.crs))
    found = points.to_crs("EPSG:4326").geoms
    return tuple((round(float(p.coords[0][0]), 6), round(float(p.coords[0][1]), 6)) for p in found)


def _utc(moment: np.datetime64) -> datetime:
    value = moment.astype("datetime64[s]").item()
    assert isinstance(value, datetime)
    return value.replace(tzinfo=UTC)
