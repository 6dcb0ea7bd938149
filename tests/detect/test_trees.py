"""Model files: what is read, what is refused, and what the trees say."""

from __future__ import annotations

import io
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from changedet.detect.trees import Forest


def stumps() -> Forest:
    """Two trees: feature 0 above 0.5 gives +1, else −1; feature 1 above 2 gives +10, else 0; all 0.25 higher."""
    return Forest(
        feature=np.array([0, -1, -1, 1, -1, -1], np.int32),
        threshold=np.array([0.5, 0, 0, 2, 0, 0], np.float64),
        low=np.array([1, 0, 0, 4, 0, 0], np.int32),
        high=np.array([2, 0, 0, 5, 0, 0], np.int32),
        value=np.array([0, -1, 1, 0, 0, 10], np.float64),
        root=np.array([0, 3], np.int32),
        start=np.array([0.25]),
    )


def content(forest: Forest, path: Path) -> bytes:
    forest.save(path)
    return path.read_bytes()


def test_margin_is_the_sum_of_the_leaves_reached() -> None:
    vectors = np.array([[0.5, 0.6, 0.6, np.nan], [2.0, 2.0, 2.1, 0.0]], np.float32)
    np.testing.assert_allclose(stumps().margin(vectors), [-0.75, 1.25, 11.25, 1.25])


def test_what_was_saved_is_read(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(1, 1, (2, 50)).astype(np.float32)
    read = Forest.read(content(stumps(), tmp_path / "m.npz"), 2)
    np.testing.assert_array_equal(read.margin(vectors), stumps().margin(vectors))


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"low": np.array([0, 0, 0, 4, 0, 0], np.int32)}, "do not end"),
        ({"high": np.array([2, 0, 0, 6, 0, 0], np.int32)}, "do not end"),
        ({"feature": np.array([0, -1, -1, 2, -1, -1], np.int32)}, "more than 2 features"),
        ({"root": np.array([6], np.int32)}, "no first node"),
        ({"root": np.array([], np.int32)}, "no first node"),
        ({"value": np.zeros(5)}, "belong together"),
        ({"value": np.array([0, np.nan, 1, 0, 0, 10])}, "numbers that are none"),
    ],
)
def test_a_model_that_could_leave_its_arrays_is_refused(
    broken: dict[str, np.ndarray], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=reason):
        Forest.read(content(replace(stumps(), **broken), tmp_path / "m.npz"), 2)


def pickled() -> bytes:
    file = io.BytesIO()
    np.savez(file, feature=np.array([{"a": 1}], object))
    return file.getvalue()


@pytest.mark.parametrize("bad", [b"", b"hello", pickle.dumps({"feature": 1}), pickled()])
def test_other_files_are_refused_and_nothing_in_them_is_run(bad: bytes) -> None:
    with pytest.raises(ValueError, match="is no model"):
        Forest.read(bad, 2)


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    whole = content(stumps(), tmp_path / "m.npz")
    with pytest.raises(ValueError, match="is no model"):
        Forest.read(whole[: len(whole) // 2], 2)
