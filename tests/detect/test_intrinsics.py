"""A float's bits are those of IEEE 754, a·b + c is rounded once; memory asked for ahead may lie beyond an array."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from changedet.detect.intrinsics import bits_of, float_of, fma, prefetch


@njit
def _bits(x: np.float32) -> np.int32:
    return bits_of(x)


@njit
def _float(bits: np.int32) -> np.float32:
    return float_of(bits)


@njit
def _fma(a: np.float32, b: np.float32, c: np.float32) -> np.float32:
    return fma(a, b, c)


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


def test_a_product_is_not_rounded_before_the_sum() -> None:
    """(1 + 2⁻¹²)² = 1 + 2⁻¹¹ + 2⁻²⁴, whose last term a float32 near 1 cannot hold."""
    a = np.float32(1 + 2**-12)
    assert _fma(a, a, -np.float32(1 + 2**-11)) == np.float32(2**-24)
    assert a * a - np.float32(1 + 2**-11) == 0


def test_prefetch_only_asks() -> None:
    values = np.arange(40, dtype=np.float32)
    _ask(values, -20_000_000, 20_000_000)
    np.testing.assert_array_equal(values, np.arange(40))
