"""How often chance, and how often the claimed change, would look like what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from changedet.detect.calibrate import cauchy_combination, fit_null
from changedet.objects import inject
from changedet.objects.finding import ALPHA, Question, StackFinding
from changedet.objects.look import Doubles, Seen, means_of
from changedet.objects.scan import LEAST_PLACEBOS
from changedet.site import Period
from changedet.stack import band_names, instant

SILENT = 0.1
"""Above it a sensor by itself shows nothing."""
UNLIKELY = 0.02
"""Up to it the claimed change would hardly ever show so little in a sensor."""
LEAST_NULL = 200
"""Controls from which a tail is fitted."""


@dataclass(frozen=True, slots=True)
class Chances:
    """Of all stacks; None where none of them can tell."""

    stacks: tuple[StackFinding, ...]
    p_intact: float | None = None
    p_claimed: float | None = None
    power: float | None = None
    silent: tuple[str, ...] = ()
    """Sensors that show nothing, though they would hardly ever have missed the claimed change."""


def chances(looked: list[Seen], question: Question, count: int, rng: np.random.Generator) -> Chances:
    """How often chance, and how often the claimed change, would look like this; by stack, by sensor and fused."""
    stacks: list[StackFinding] = []
    own: dict[str, list[Doubles]] = {}
    claimed: dict[str, list[Doubles]] = {}
    days = days_in(question.window, count, rng)
    for each in looked:
        p = None
        if each.scanned is not None:
            statistic = each.scanned.statistic()
            null = statistic[1:][np.isfinite(statistic[1:])]
            if np.isfinite(statistic[0]) and len(null) >= LEAST_PLACEBOS:
                p = float(p_value(statistic[:1], null)[0])
                own.setdefault(each.view.sensor, []).append(np.array([p]))
                with_change = inject.injected(each.scanned, steps_for(each, question, count, rng), days)
                claimed.setdefault(each.view.sensor, []).append(p_value(with_change, null))
        n_before, n_after = _clear_dates(each, question)
        stacks.append(StackFinding(each.view.key, p, n_before, n_after, count if p is not None else 0))
    if not own:
        return Chances(tuple(stacks))
    p_intact = float(fused(own)[0])
    p_changed = _finite(fused(claimed))
    power = float((p_changed <= ALPHA).mean()) if len(p_changed) else 0.0
    return Chances(tuple(stacks), p_intact, _as_large(p_changed, p_intact), power, _silent(own, claimed))


def _silent(own: Mapping[str, list[Doubles]], claimed: Mapping[str, list[Doubles]]) -> tuple[str, ...]:
    found = []
    for sensor, each in own.items():
        p = float(cauchy_combination(*each)[0])
        if p > SILENT and _as_large(_finite(cauchy_combination(*claimed[sensor])), p) <= UNLIKELY:
            found.append(sensor)
    return tuple(found)


def _as_large(p_changed: Doubles, p: float) -> float:
    """How often the claimed change would show as little as this."""
    return float((1 + (p_changed >= p).sum()) / (1 + len(p_changed)))


def _finite(values: Doubles) -> Doubles:
    return values[np.isfinite(values)]


def p_value(statistic: Doubles, null: Doubles) -> Doubles:
    """(1 + number of controls as extreme)/(number + 1), with a fitted tail beyond them; NaN stays."""
    if len(null) >= LEAST_NULL:
        return fit_null(null).p(statistic)
    above = len(null) - np.searchsorted(np.sort(null), statistic, side="left")
    return np.where(np.isnan(statistic), np.nan, (1 + above) / (len(null) + 1))


def fused(by_sensor: Mapping[str, list[Doubles]]) -> Doubles:
    """Cauchy combination of the stacks of each sensor, then of the sensors."""
    return cauchy_combination(*(cauchy_combination(*each) for each in by_sensor.values()))


def days_in(window: Period, count: int, rng: np.random.Generator) -> NDArray[np.datetime64]:
    """Days of the window at random, as instants."""
    span = (window.end - window.start).total_seconds()
    return instant(window.start) + (rng.uniform(0, span, count) * 1e9).astype("timedelta64[ns]")


def steps_for(each: Seen, question: Question, count: int, rng: np.random.Generator) -> Doubles:
    """The claimed change as steps of the stack's physical values: (bands, count)."""
    bands = band_names(each.view.stack)
    if each.view.radar:
        over_ground = np.exp(each.mean_of(each.view.reference))
        return inject.radar_steps(question.what, over_ground, each.shape.fill, count, rng)
    own, ground = means_of(each, each.view.reference)
    return inject.optical_steps(question.what, (own, ground, each.shape.fill), bands, count, rng)


def _clear_dates(each: Seen, question: Question) -> tuple[int, int]:
    times = each.view.stack.time.values[each.view.window]
    mask = each.series.mask[:, 0] > 0
    late = times >= instant(question.window.start)
    return int(mask[each.view.reference].sum()), int((mask[each.view.window] & late).sum())
