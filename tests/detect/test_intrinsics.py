"""A float's bits are those of IEEE 754; memory asked for ahead is as it was, and may lie beyond an array."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from changedet.detect.intrinsics import bits_of, float_of, prefetch


@njit
def _bits(x: np.float32) -> np.int32:
    return bits_of(x)


@njit
def _float(bits: np.int32) -> np.float32:
    return float_of(bits)


@njit
def _ask(values: np.ndarray, first: int, last: int) -> None:
    for i in range(first, last):
        prefetch(values, i)


def test_one_is_a_bare_exponent() -> None:
    assert _bits(np.float32(1)) == 127 << 23
    assert _float(np.int32(0x40490FDB)) == np.float32(np.pi)


@given(st.floats(width=32, allow_nan=False))
def test_there_and_back(x: float) -> None:
    assert _float(np.int32(_bits(np.float32(x)))) == np.float32(x)


def test_prefetch_only_asks() -> None:
    values = np.arange(40, dtype=np.float32)
    _ask(values, -20_000_000, 20_000_000)
    np.testing.assert_array_equal(values, np.arange(40))
