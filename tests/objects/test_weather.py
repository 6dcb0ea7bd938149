"""The weather of one object: soil that darkens when it is wet, beside a roof that does not."""

from __future__ import annotations

import numpy as np
from scipy import stats

from changedet.detect.residuals import no_season, subtract_baseline, year_phase
from changedet.detect.surroundings import Surroundings, measure
from changedet.objects.chance import p_value
from changedet.objects.scan import HARMONIC_LEAST, scan
from changedet.objects.series import Series
from changedet.objects.weather import without_weather

DATES = 60
TIMES = np.datetime64("2021-01-01", "ns") + np.arange(DATES) * np.timedelta64(10, "D")
REFERENCE, WINDOW = np.arange(44, dtype=np.int32), np.arange(44, DATES, dtype=np.int32)
DARKENING = 0.28
"""Share of its reflectance that wet soil loses."""


def wetness(rng: np.random.Generator) -> np.ndarray:
    """A third of the days are more or less wet, (time,)."""
    return np.where(rng.random(DATES) < 1 / 3, rng.uniform(0.2, 1, DATES), 0.0)


def site(rng: np.random.Generator, wet: np.ndarray, noise: float, roof: float = 0.4) -> Series:
    """A roof, then 220 patches of soil."""
    level = np.concatenate([[roof], rng.uniform(0.2, 0.35, 220)])
    thirst = np.concatenate([[0.0], rng.normal(1, 0.05, 220)])
    values = level * (1 - DARKENING * wet[:, None] * thirst) + noise * rng.standard_normal((DATES, 221))
    return Series(values[None].astype(np.float32), np.ones((DATES, 221), np.float32))


def p_of(series: Series) -> float:
    scanned = scan(series, TIMES, REFERENCE, WINDOW)
    assert scanned is not None
    statistic = scanned.statistic()
    return float(p_value(statistic[:1], statistic[1:])[0])


def residuals(series: Series, around: Surroundings) -> np.ndarray:
    values = series.values.copy()
    subtract_baseline(values, series.mask, REFERENCE, no_season(TIMES), around.line, around.knots, HARMONIC_LEAST)
    return values[0]


def test_a_roof_is_not_said_to_brighten_when_the_soil_is_wet() -> None:
    rng = np.random.default_rng(1)
    wet = wetness(rng)
    series = site(rng, wet, 0.001)
    around = measure([(series.values, series.mask)], REFERENCE)
    mended = without_weather(series, REFERENCE, no_season(TIMES), (around, HARMONIC_LEAST))
    # once the change of the soil is taken off it, the roof goes up by what soil as bright as it went down
    before, after = (np.ptp(residuals(each, around)[:, 0]) for each in (series, mended))
    assert before > DARKENING * 0.275 * np.ptp(wet)
    assert after < 0.1 * before


def test_a_loss_outlasts_it() -> None:
    rng = np.random.default_rng(2)
    series = site(rng, wetness(rng), 0.004)
    series.values[0, WINDOW[4:], 0] -= 0.1
    around = measure([(series.values, series.mask)], REFERENCE)
    mended = without_weather(series, REFERENCE, year_phase(TIMES), (around, HARMONIC_LEAST))
    step = (series.values - mended.values)[0, WINDOW[4:], 0].mean() - (series.values - mended.values)[0, :44, 0].mean()
    assert abs(step) < 0.02
    assert p_of(series) <= 0.01


def test_p_of_an_untouched_roof_is_uniform() -> None:
    p = []
    for seed in range(60):
        rng = np.random.default_rng([seed, 3])
        # a wet after-window is what used to make roofs stand out
        wet = wetness(rng)
        wet[WINDOW] = np.where(rng.random(len(WINDOW)) < 0.6, rng.uniform(0.2, 1, len(WINDOW)), wet[WINDOW])
        p.append(p_of(site(rng, wet, 0.006, roof=float(rng.uniform(0.25, 0.5)))))
    assert stats.kstest(p, "uniform").pvalue > 0.05
