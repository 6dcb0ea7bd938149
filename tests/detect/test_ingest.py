"""Logarithms of backscatter, and what has none."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from changedet.detect.ingest import ingest

POSITIVE = st.floats(np.float32(1e-30), np.float32(1e30), width=32)


def logarithms(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of one row, and where there is one."""
    out, mask = np.empty((1, len(values)), np.float32), np.empty((1, len(values)), np.float32)
    ingest(values.reshape(1, 1, -1), 0, 1, (True, True), out, mask)
    return out[0], mask[0]


@given(arrays(np.float32, st.integers(1, 80), elements=POSITIVE))
def test_logarithms_are_natural(values: np.ndarray) -> None:
    out, mask = logarithms(values)
    assert (mask == 1).all()
    np.testing.assert_allclose(out, np.log(values.astype(np.float64)), rtol=3e-7, atol=1e-12)


def test_near_one_they_are_as_good_as_elsewhere() -> None:
    values = (1 + np.linspace(-0.3, 0.45, 100_001)).astype(np.float32)
    out, _ = logarithms(values)
    np.testing.assert_allclose(out, np.log(values.astype(np.float64)), rtol=3e-7, atol=1e-12)


def test_what_has_no_logarithm_is_missing() -> None:
    values = np.array([1, 0, -0.0, -1, np.nan, np.inf, -np.inf, 2] * 5, np.float32)
    out, mask = logarithms(values)
    assert mask.tolist() == [1, 0, 0, 0, 0, 0, 0, 1] * 5
    assert (out[mask == 0] == 0).all()
