"""Boosted regression trees from a file that can do nothing but hold numbers, without the library that grew them."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from changedet.detect.filters import Image

LARGEST = 256 * 1024 * 1024
"""Bytes of a model file when unpacked."""


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """Trees as flat arrays of nodes; their values add up to the log-odds of change."""

    feature: NDArray[np.int32]
    """What a node asks for; −1 in a leaf."""
    threshold: NDArray[np.float64]
    """Values up to it go to ``low``, others and NaN to ``high``."""
    low: NDArray[np.int32]
    high: NDArray[np.int32]
    """Indices of nodes; both greater than the node's own, so that no walk is endless."""
    value: NDArray[np.float64]
    """Of a leaf."""
    root: NDArray[np.int32]
    """The first node of each tree."""
    start: NDArray[np.float64]
    """(1,), added to the sum over trees."""

    def margin(self, vectors: Image) -> Image:
        """Log-odds of vectors (features, n)."""
        out = np.empty(vectors.shape[1], np.float32)
        nodes = (self.feature, self.threshold, self.low, self.high, self.value)
        _walk(np.ascontiguousarray(vectors), nodes, self.root, float(self.start[0]), out)
        return out

    def save(self, path: Path) -> None:
        """Write a model file: a zip archive of plain arrays (npz)."""
        with path.open("wb") as file:
            np.savez_compressed(file, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def read(cls, content: bytes, features: int) -> Forest:
        """From the bytes of a model file, for vectors of so many features; nothing in it is executed.

        Raises
        ------
        ValueError
            It is no such model, or one for other features.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                if sum(part.file_size for part in archive.infolist()) > LARGEST:
                    raise ValueError("it is too large")
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                forest = cls(*(np.asarray(arrays[field.name], _kind(field.name)) for field in fields(cls)))
            forest.check(features)
        except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
            reason = str(error).replace("'", "")
            raise ValueError(f"is no model of this detector: {reason}") from None
        return forest

    def check(self, features: int) -> None:
        """Raise ``ValueError`` where a walk could leave the arrays or not end."""
        nodes = (self.feature, self.threshold, self.low, self.high, self.value)
        own = np.arange(len(self.feature))
        split = self.feature >= 0
        if any(part.ndim != 1 or len(part) != len(own) for part in nodes) or self.start.shape != (1,):
            raise ValueError("its arrays do not belong together")
        if self.root.ndim != 1 or not len(self.root) or not ((self.root >= 0) & (self.root < len(own))).all():
            raise ValueError("its trees have no first node")
        if (self.feature >= features).any():
            raise ValueError(f"it asks for more than {features} features")
        for child in (self.low, self.high):
            if not ((child > own) & (child < len(own)))[split].all():
                raise ValueError("its trees do not end")
        if not all(np.isfinite(part).all() for part in (self.threshold, self.value, self.start)):
            raise ValueError("it holds numbers that are none")


def _kind(name: str) -> type[np.generic]:
    return np.float64 if name in ("threshold", "value", "start") else np.int32


@njit(parallel=True, cache=True, nogil=True)
def _walk(vectors: Image, nodes: tuple, root: NDArray[np.int32], start: float, out: Image) -> None:
    feature, threshold, low, high, value = nodes
    for i in prange(vectors.shape[1]):
        total = start
        for first in root:
            node = first
            while feature[node] >= 0:
                node = low[node] if vectors[feature[node], i] <= threshold[node] else high[node]
            total += value[node]
        out[i] = total
