"""Restless ground is known by its colour, as far as its placebos say so."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from changedet.detect.blocks import Floats
from changedet.detect.ground import Ground, colour, learn

WOOD, MEADOW = (0.03, 0.30), (0.08, 0.40)
PIXELS = 4000


def scene(rng: np.random.Generator) -> tuple[Floats, np.ndarray]:
    """Colours of a scene, half wood and half meadow, and which is meadow."""
    meadow = np.arange(PIXELS) % 2 == 1
    means = np.where(meadow, np.array(MEADOW)[:, None], np.array(WOOD)[:, None])
    return (means * np.exp(rng.normal(0, 0.03, means.shape))).astype(np.float32), meadow


def placebos(rng: np.random.Generator, restless: np.ndarray, windows: int = 12) -> list[list[Floats]]:
    return [[(restless * rng.chisquare(2, PIXELS)).astype(np.float32)] for _ in range(windows)]


def learned(seen: Floats, runs: list[list[Floats]]) -> Ground:
    found = learn(seen, runs)
    assert found is not None
    return found


@pytest.mark.parametrize("times", [1.0, 4.0])
def test_ground_four_times_as_restless_is_put_over_the_square_root_of_it(times: float) -> None:
    rng = np.random.default_rng(1)
    seen, meadow = scene(rng)
    (quiet,) = learned(seen, placebos(rng, np.where(meadow, times, 1.0))).quiet(seen)
    assert np.median(quiet[~meadow]) / np.median(quiet[meadow]) == pytest.approx(times**0.5, rel=0.1)


def test_a_bright_roof_is_taken_for_the_brightest_ground_and_no_more() -> None:
    rng = np.random.default_rng(2)
    seen, meadow = scene(rng)
    ground = learned(seen, placebos(rng, np.where(meadow, 4.0, 1.0)))
    roofs = np.array([[0.6, 0.9], [0.7, 0.95]], np.float32)
    (of_roofs,), (of_all,) = ground.quiet(roofs), ground.quiet(seen)
    assert of_roofs[0] == of_roofs[1]
    assert of_all.min() * 0.99 <= of_roofs[0] <= np.median(of_all[meadow])


def test_what_really_changed_in_a_placebo_window_hardly_counts() -> None:
    rng = np.random.default_rng(3)
    seen, meadow = scene(rng)
    runs = placebos(rng, np.ones(PIXELS))
    felled = np.flatnonzero(~meadow)[:8]
    runs[4][0][felled] = 5000.0
    (quiet,) = learned(seen, runs).quiet(seen)
    assert np.abs(np.log(quiet)).max() < 0.1


def test_a_pixel_that_was_never_seen_is_left_as_it_is() -> None:
    rng = np.random.default_rng(4)
    seen, meadow = scene(rng)
    ground = learned(seen, placebos(rng, np.where(meadow, 4.0, 1.0)))
    assert ground.quiet(np.zeros((2, 1), np.float32))[0][0] == 1


def test_too_few_pixels_or_windows_tell_nothing() -> None:
    rng = np.random.default_rng(5)
    seen, _ = scene(rng)
    runs = placebos(rng, np.ones(PIXELS))
    assert learn(seen, runs[:3]) is None
    assert learn(seen[:, :400], [[g[:400] for g in run] for run in runs]) is None


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 300))
def test_the_colour_is_the_mean_of_the_clear_reference_dates(seed: int, pixels: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.uniform(0.01, 0.5, (2, 6, pixels)).astype(np.float32)
    mask = (rng.random((6, pixels)) < 0.6).astype(np.float32)
    reference = np.array([0, 1, 3], np.int32)
    part, seen = values[:, reference], mask[reference]
    with np.errstate(invalid="ignore"):
        mean = np.nan_to_num((part * seen).sum(1) / seen.sum(0))
    np.testing.assert_allclose(colour((values * mask, mask), reference), mean, rtol=1e-5)
