"""Ground that serves as a ring: a tank that is lost next door is left out of it."""

from __future__ import annotations

import numpy as np

from changedet.objects.series import Planes, measure
from changedet.objects.shapes import RADAR_SIGMA, at, disc
from changedet.objects.steady import steady

SIDE, DATES = 64, 40
REFERENCE, WINDOW = np.arange(24), np.arange(24, DATES)
SHAPE = at(disc(30, 10, RADAR_SIGMA), 30, 30)
PLACE = np.array([[SHAPE.row, SHAPE.column]])
NEIGHBOUR = slice(29, 33), slice(35, 39)
"""40 m × 40 m, 35 m east of the object's edge."""


def planes(seed: int, gone: int) -> Planes:
    """Speckle of 4.4 looks, two bands; a neighbour that echoes thirty times the ground until one date."""
    rng = np.random.default_rng(seed)
    bands = []
    for level in (0.05, 0.01):
        power = level * rng.gamma(4.4, 1 / 4.4, (DATES, SIDE, SIDE))
        power[:gone, *NEIGHBOUR] *= 30
        bands.append(power.astype(np.float32))
    return Planes(tuple(bands), np.ones((DATES, SIDE, SIDE), np.float32), radar=True)


def jump(images: Planes) -> float:
    """Change of the object against its ring from the reference period to the window's second half, ln power."""
    values = measure(images, SHAPE, PLACE, REFERENCE).values[0, :, 0]
    return float(values[32:].mean() - values[REFERENCE].mean())


def test_a_neighbour_that_is_lost_leaves_the_ring() -> None:
    images = planes(1, gone=30)
    found = steady(images, REFERENCE, WINDOW)
    assert (found[NEIGHBOUR] == 0).all()
    assert found.mean() > 0.9
    assert jump(images) > 0.3
    mended = Planes(images.bands, images.valid, images.radar, found)
    assert abs(jump(mended)) < 0.1


def test_where_nothing_changed_nearly_all_ground_serves() -> None:
    assert steady(planes(2, gone=DATES), REFERENCE, WINDOW).mean() > 0.99


def test_a_ring_that_changed_all_over_is_used_as_it_is() -> None:
    images = planes(3, gone=DATES)
    nothing = Planes(images.bands, images.valid, images.radar, np.zeros((SIDE, SIDE), np.float32))
    np.testing.assert_allclose(
        measure(nothing, SHAPE, PLACE, REFERENCE).values, measure(images, SHAPE, PLACE, REFERENCE).values
    )
