"""The smallest object that a site could have shown: found in 80 % of trials in which its loss was put into the site."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from changedet.claim import ClaimedObject
from changedet.objects import controls, inject, shapes
from changedet.objects.chance import days_in, fused, p_value
from changedet.objects.finding import ALPHA, Question
from changedet.objects.look import Doubles, View, look_at, means_of
from changedet.stack import band_names, geobox_of

SIZES = (6.0, 8.0, 10.0, 12.0, 15.0, 18.0, 22.0, 27.0, 33.0, 40.0, 50.0, 65.0, 80.0, 100.0)
"""Metres across that are tried."""
FOUND = 0.8
USUAL_CONTRAST = 0.1
"""Reflectance by which an object differs from the ground, where that of the claim's own cannot be measured."""
PLACES = 300


def smallest_object(
    views: Sequence[View], where: controls.Field, question: Question, objects: Sequence[ClaimedObject]
) -> float | None:
    """Metres across of the smallest round object whose change would be found in 80 % of trials at α = 0.01.

    It is taken to be as unlike its surroundings as the claim's objects are, at the median. None where not even the
    largest size tried would be found so often, or there are too few places or dates to tell.
    """
    contrast = _contrast(views, objects)
    low, high = 0, len(SIZES)
    while low < high:
        middle = (low + high) // 2
        power = _power(views, where, question, (SIZES[middle], contrast))
        if power is not None and power >= FOUND:
            high = middle
        else:
            low = middle + 1
    return SIZES[low] if low < len(SIZES) else None


def _contrast(views: Sequence[View], objects: Sequence[ClaimedObject]) -> dict[str, Doubles]:
    """By stack key, what the claim's objects differ from their surroundings by (bands,), at the median."""
    found: dict[str, Doubles] = {}
    for view in views:
        if view.radar:
            continue
        geobox = geobox_of(view.stack)
        parts = []
        for one in objects:
            if one.diameter < shapes.geometric_limit(one.kind):
                continue
            shape = shapes.footprint(one.ring(), geobox, view.sigma)
            seen = look_at(view, shape, np.empty((0, 2), np.int64))
            own, ground = means_of(seen, view.reference)
            parts.append((own - ground) / shape.fill)
        size = np.abs(np.array(parts)).mean(1) if parts else np.empty(0)
        flat = np.full(len(band_names(view.stack)), USUAL_CONTRAST)
        found[view.key] = parts[int(np.argsort(size)[len(size) // 2])] if len(size) and size.max() > 0 else flat
    return found


def _power(
    views: Sequence[View], where: controls.Field, question: Question, asked: tuple[float, dict[str, Doubles]]
) -> float | None:
    """How often a round object of a size would be found; None where there are too few places or dates."""
    diameter, contrast = asked
    rng = np.random.default_rng([question.seed, 10_000 + int(diameter)])
    discs = [shapes.disc(diameter, where.pixel, view.sigma) for view in views]
    shifts = _spread(discs[0], where)
    if len(shifts) < controls.LEAST:
        return None
    days = days_in(question.window, len(shifts) - 1, rng)
    claimed: dict[str, list[Doubles]] = {}
    for view, shape in zip(views, discs, strict=True):
        moved = shapes.at(shape, int(shifts[0, 0]), int(shifts[0, 1]))
        seen = look_at(view, moved, shifts[1:] - shifts[0])
        if seen.scanned is None:
            continue
        null = seen.scanned.statistic()[1:]
        null = null[np.isfinite(null)]
        if not len(null):
            continue
        if view.radar:
            steps = inject.radar_steps(
                question.what, np.ones(len(band_names(view.stack))), shape.fill, len(shifts) - 1, rng
            )
        else:
            complete = rng.uniform(*inject.COMPLETE[question.what], len(shifts) - 1)
            steps = -shape.fill * contrast[view.key][:, None] * complete
        with_change = inject.injected(seen.scanned, steps, days, everywhere=True)
        claimed.setdefault(view.sensor, []).append(p_value(with_change, null))
    if not claimed:
        return None
    p = fused(claimed)
    p = p[np.isfinite(p)]
    return float((p <= ALPHA).mean()) if len(p) else None


def _spread(shape: shapes.Shape, where: controls.Field) -> NDArray[np.int64]:
    """Up to ``PLACES`` places over the whole site, clear of the claim's objects; the first is in the middle of them."""
    found = controls.anywhere(shape, where)
    found = found[:: max(1, len(found) // PLACES)]
    if not len(found):
        return found
    middle = np.argsort(((found - found.mean(0)) ** 2).sum(1), kind="stable")[:1]
    return np.concatenate([found[middle], np.delete(found, middle, axis=0)])
