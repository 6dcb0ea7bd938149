"""The compiled max-scan against its formula, written out in numpy with double precision."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from changedet.detect import kernels

LEAST_BEFORE, LEAST_AFTER, CLIP, PRIOR = 3, 2, 4.0, 8.0
REFERENCE, WINDOW = np.arange(14, dtype=np.int32), np.arange(14, 24, dtype=np.int32)
ENDS = np.array([np.minimum(np.arange(10) + 3, 10), np.full(10, 10)], np.int32)
"""Each date counts with two more, or with all that follow."""


def by_hand(
    x: NDArray[np.float64], valid: NDArray[np.bool_], whiten: NDArray[np.float64], pole: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of one pixel, x (bands, time): G of each date of the window, −1 where none; and each change along the pole."""
    white = np.where(valid, whiten @ x, 0)
    clipped = np.clip(white[:, REFERENCE], -CLIP, CLIP)
    n0 = valid[REFERENCE].sum()
    scale = np.sqrt(((clipped**2).sum() / len(x) + PRIOR) / (n0 + PRIOR))
    z = np.clip(white / scale, -CLIP, CLIP)
    g, along = np.full(len(WINDOW), -1.0), np.zeros(len(WINDOW))
    for k, t in enumerate(WINDOW):
        for end in ENDS[:, k]:
            before = np.concatenate([REFERENCE, WINDOW[:k]])
            after = WINDOW[k:end]
            n1, n2 = valid[before].sum(), valid[after].sum()
            if not valid[t] or n0 < LEAST_BEFORE or n2 < LEAST_AFTER:
                continue
            d = z[:, after].sum(1) / n2 - z[:, before].sum(1) / n1
            new = n1 * n2 / (n1 + n2) * (d @ d)
            if new > g[k]:
                g[k], along[k] = new, pole @ d
    return g, along


@pytest.mark.parametrize("bands", [1, 2, 3, 5])
def test_every_g_is_that_of_the_formula(bands: int) -> None:
    rng = np.random.default_rng(bands)
    pixels, times = kernels.LANES + 37, 24  # one whole segment, and a part of another
    valid = rng.random((times, pixels)) < 0.8
    valid[:, :5] = False
    valid[13, 5:300] = True
    x = rng.normal(size=(bands, times, pixels)) * valid
    x[:, 18:, 100:200] += 3 * valid[18:, 100:200]
    whiten = np.tril(rng.normal(size=(bands, bands))) + 2 * np.eye(bands)
    pole = rng.normal(size=bands)
    out = np.empty((2, pixels), np.float32), np.empty((2, pixels), np.int32), np.empty((10, pixels), np.float32)
    rules = np.array([LEAST_BEFORE, LEAST_AFTER, CLIP, PRIOR], np.float32)
    block, mask = x.astype(np.float32), valid.astype(np.float32)
    settings = whiten.astype(np.float32), pole.astype(np.float32), rules
    kernels.scan(block, mask, (REFERENCE, WINDOW, ENDS), *settings, out)
    expected = [by_hand(x[..., i], valid[:, i], whiten, pole) for i in range(pixels)]
    curve = np.array([g for g, _ in expected]).T
    np.testing.assert_allclose(out[2], curve, rtol=2e-3, atol=2e-4)
    np.testing.assert_allclose(out[0][0], curve.max(0), rtol=2e-3, atol=2e-4)
    two = np.sort(curve, axis=0)[-2:]
    sure = (two[1] > 0) & (two[1] - two[0] > 0.01)
    along = np.array([way[g.argmax()] for g, way in expected])
    assert sure.mean() > 0.5
    np.testing.assert_allclose(out[0][1][sure], along[sure], rtol=5e-3, atol=2e-3)


def test_the_last_valid_date_of_the_reference_and_the_numbers_of_dates() -> None:
    valid = np.random.default_rng(0).random((24, 60)) < 0.5
    valid[:14, 7] = False
    out = np.empty((2, 60), np.float32), np.empty((2, 60), np.int32), np.empty((0, 60), np.float32)
    rules = np.array([LEAST_BEFORE, LEAST_AFTER, CLIP, PRIOR], np.float32)
    block = np.zeros((2, 24, 60), np.float32)
    eye, pole = np.eye(2, dtype=np.float32), np.ones(2, np.float32)
    kernels.scan(block, valid.astype(np.float32), (REFERENCE, WINDOW, ENDS), eye, pole, rules, out)
    last = [max(np.flatnonzero(column[:14]), default=-1) for column in valid.T]
    assert out[1][0].tolist() == last
    assert (out[1][1] == valid[:14].sum(0) * 4096 + valid[14:].sum(0)).all()
