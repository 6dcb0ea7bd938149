"""The compiled lookup finds what numpy finds, for every query and every length around a block."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from changedet.detect.lookup import BLOCK, below

lengths = st.one_of(st.integers(0, 5), st.integers(BLOCK - 2, BLOCK + 2), st.integers(3 * BLOCK - 2, 3 * BLOCK + 2))


@given(length=lengths, different=st.integers(1, 2000), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_as_numpy_does(length: int, different: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.sort(rng.integers(0, different, length) / 7)  # few different ones: many are equal
    queries = np.concatenate([rng.permutation(values)[:300], rng.uniform(-1, different / 7 + 1, 300)])
    assert_array_equal(below(values, queries), np.searchsorted(values, queries, side="left"))


def test_the_ends_and_what_is_no_number() -> None:
    values = np.arange(2.0 * BLOCK)
    queries = np.array([[-np.inf, 0.0, 0.5], [np.inf, np.nan, 2 * BLOCK - 1]])
    assert_array_equal(below(values, queries), [[0, 0, 1], [2 * BLOCK, 2 * BLOCK, 2 * BLOCK - 1]])


def test_queries_of_any_layout() -> None:
    values = np.array([1.0, 2.0, 2.0, 3.0])
    queries = np.array([[0.0, 2.0], [2.5, 4.0]]).T[::-1]
    assert_array_equal(below(values, queries), np.searchsorted(values, queries))
