"""Arrays too large for memory: they lie in a nameless file, which goes when the array goes.

Their pages are memory that the system takes back when it needs it, so that a whole tile passes through a small machine.
The folder is that of ``TMPDIR``, else ``/var/tmp``, which unlike ``/tmp`` is on a disk everywhere.
"""

from __future__ import annotations

import math
import mmap
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from changedet.errors import OutputError

LARGEST = 96 * 1024 * 1024
"""Bytes of the largest array that is kept in memory."""
ON_DISK = Path("/var/tmp")


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
    """An array of undefined values, as ``numpy.empty``; of more than ``LARGEST`` bytes, in a file.

    Raises
    ------
    OutputError
        When the disk has no room for it.
    """
    return joined(shape, dtype, ())


def joined(shape: tuple[int, ...], dtype: DTypeLike, parts: Iterable[NDArray]) -> NDArray:
    """The array that begins with parts, one after the other along its first axis; what they leave is undefined.

    A large one is written to its file and not through its pages, so that it takes no memory before it is read.

    Raises
    ------
    OutputError
        When the disk has no room for it.
    """
    kind = np.dtype(dtype)
    size = math.prod(shape) * kind.itemsize
    if size > LARGEST:
        return np.frombuffer(_pages(size, parts), kind).reshape(shape)
    whole, first = np.empty(shape, kind), 0
    for part in parts:
        whole[first : first + len(part)] = part
        first += len(part)
    return whole


def _pages(size: int, parts: Iterable[NDArray]) -> mmap.mmap:
    """A nameless file that begins with the parts."""
    folder = os.environ.get("TMPDIR") or (str(ON_DISK) if ON_DISK.is_dir() else tempfile.gettempdir())
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            if hasattr(os, "posix_fallocate"):
                # a page that the disk has no room for would end the process without a word
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
            for part in parts:
                file.write(np.ascontiguousarray(part).view(np.uint8).data)
            file.flush()
            return mmap.mmap(file.fileno(), size)
    except OSError as error:
        raise OutputError(
            f"{folder}: no room for a temporary file of {size / 1e9:.1f} GB ({error.strerror}); free some, or set "
            "TMPDIR to a folder on another disk"
        ) from error


def kept(array: NDArray) -> NDArray:
    """The array, moved to a file where it is too large for memory."""
    if array.nbytes <= LARGEST:
        return array
    moved = empty(array.shape, array.dtype)
    np.copyto(moved, array)
    release([moved])
    return moved


def release(arrays: Iterable[NDArray]) -> None:
    """Give the pages of arrays made by ``empty`` back to the system; their values stay, in the file."""
    for array in arrays:
        base: object = array
        while isinstance(base, np.ndarray):
            base = base.base
        if isinstance(base, memoryview):
            base = base.obj
        if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            base.madvise(mmap.MADV_DONTNEED)
