"""The compiled lookup finds what numpy finds, for every query however many values there are and wherever they lie."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from changedet.detect.lookup import DRAWER, Sorted

lengths = st.one_of(st.integers(0, 5), st.integers(DRAWER - 2, DRAWER + 2), st.integers(0, 20 * DRAWER))


@given(length=lengths, different=st.integers(1, 2000), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_as_numpy_does(length: int, different: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.sort(rng.integers(0, different, length) / 7)  # few different ones: many are equal
    queries = np.concatenate([rng.permutation(values)[:300], rng.uniform(-1, different / 7 + 1, 300)])
    assert_array_equal(Sorted.of(values).below(queries), np.searchsorted(values, queries, side="left"))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=300), st.lists(st.floats(), max_size=300))
def test_of_any_numbers(numbers: list[float], others: list[float]) -> None:
    values = np.sort(np.array(numbers, float))
    queries = np.array([*others, *numbers], float)
    assert_array_equal(Sorted.of(values).below(queries), np.searchsorted(values, queries, side="left"))


def test_the_ends_and_what_is_no_number() -> None:
    values = np.arange(2.0 * DRAWER)
    queries = np.array([[-np.inf, 0.0, 0.5], [np.inf, np.nan, 2 * DRAWER - 1]])
    assert_array_equal(Sorted.of(values).below(queries), [[0, 0, 1], [2 * DRAWER, 2 * DRAWER, 2 * DRAWER - 1]])


def test_queries_of_any_layout() -> None:
    values = np.array([1.0, 2.0, 2.0, 3.0])
    queries = np.array([[0.0, 2.0], [2.5, 4.0]]).T[::-1]
    assert_array_equal(Sorted.of(values).below(queries), np.searchsorted(values, queries))
