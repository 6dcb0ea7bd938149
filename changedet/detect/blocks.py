"""Rows of a stack as the blocks of ``kernels.py``, and the panes on which a site is measured once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from changedet.detect import ingest, smoothing

Floats = NDArray[np.float32]
Block = tuple[Floats, Floats]
"""``(bands, time, pixels)``, and the mask ``(time, pixels)`` of 0 and 1."""

BLOCK_BYTES = 6_000_000
"""Of one block: small enough for the last-level cache."""
PANE_VALUES = 25_000_000
"""Most values (bands × dates × pixels) on which a site is measured."""
PANE_SIDE = 96


@dataclass(frozen=True, slots=True)
class Pane:
    """A sample of the area: its ingested block, width, and the pixels that are not halo."""

    block: Block
    width: int
    inner: NDArray[np.int64]
    shape: tuple[int, int]
    """Rows and columns of the inner pixels."""

    def copy(self) -> Block:
        """A block that may be used up."""
        return self.block[0].copy(), self.block[1]


def rows_of_block(bands: int, dates: int, width: int, halo: int) -> int:
    """How many rows to scan at a time."""
    return max(1, 4 * halo, BLOCK_BYTES // (4 * bands * dates * max(width, 1)))


def load(planes: tuple[Floats, ...], rows: tuple[int, int], log: bool) -> Block:
    """Rows of every band ``(time, y, x)`` as a block."""
    dates, _, width = planes[0].shape
    filled = (rows[1] - rows[0]) * width
    pixels = ingest.padded(filled)
    values = np.empty((len(planes), dates, pixels), np.float32)
    mask = np.empty((dates, pixels), np.float32)
    values[..., filled:], mask[:, filled:] = 0, 0
    for b, plane in enumerate(planes):
        ingest.ingest(plane, rows[0], rows[1], (log, b == 0), values[b], mask)
    return values, mask


def panes(planes: tuple[Floats, ...], log: bool, halo: int) -> list[Pane]:
    """The whole area, or squares evenly spread over it where it is large."""
    dates, height, width = planes[0].shape
    most = PANE_VALUES // (len(planes) * dates)
    if height * width <= most:
        spans = [((0, height), (0, width))]
    else:
        many = max(1, int(np.sqrt(most / PANE_SIDE**2)))
        ys = np.linspace(0, max(height - PANE_SIDE, 0), many).astype(int)
        xs = np.linspace(0, max(width - PANE_SIDE, 0), many).astype(int)
        spans = [((y, min(y + PANE_SIDE, height)), (x, min(x + PANE_SIDE, width))) for y in ys for x in xs]
    found = []
    for (y0, y1), (x0, x1) in spans:
        a, e = max(y0 - halo, 0), min(y1 + halo, height)
        c, d = max(x0 - halo, 0), min(x1 + halo, width)
        block = load(tuple(np.ascontiguousarray(plane[:, a:e, c:d]) for plane in planes), (0, e - a), log)
        rows, columns = np.arange(y0 - a, y1 - a), np.arange(x0 - c, x1 - c)
        found.append(Pane(block, d - c, (rows[:, None] * (d - c) + columns).ravel(), (len(rows), len(columns))))
    return found


def reach(scale: float) -> int:
    """Pixels that a smoothing of this standard deviation reaches."""
    return int(np.ceil(2.5 * scale))


def smoothed(values: Floats, mask: Floats, width: int, scale: float) -> Floats:
    """The block smoothed over the valid neighbours; itself where ``scale`` is 0."""
    if scale == 0:
        return values
    out = np.zeros_like(values)
    smoothing.smooth(values, mask, width, kernel(scale), out)
    return out


def kernel(scale: float) -> Floats:
    """Weights of a Gaussian: its middle and one side."""
    return np.exp(-0.5 * (np.arange(reach(scale) + 1) / scale) ** 2).astype(np.float32)
