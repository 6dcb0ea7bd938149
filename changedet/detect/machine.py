"""The max-scan of one stack, ready to run on any block and at any dates: real ones or placebos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
import xarray as xr
from numba import get_num_threads
from numpy.typing import NDArray
from pydantic import Field

from changedet.detect import ground, kernels, onset
from changedet.detect.blocks import Block, Floats, Pane, load, panes, reach, rows_of_block, smoothed
from changedet.detect.kernels import Booleans
from changedet.detect.onepass import scan_planes
from changedet.detect.residuals import has_season, no_season, subtract_baseline, year_phase
from changedet.detect.settled import Out, Settled
from changedet.detect.surroundings import Surroundings, measure, whitening
from changedet.stack import Periods, band_names
from changedet.values import DetectorConfig

DAY = np.timedelta64(1, "D")
LEAST = 24.0
"""Clear observations for a harmonic baseline."""
UNSMOOTHED_ROWS = 200
"""Scanned at a time where no block of them is held: their curves still fit the last-level cache."""
TO_THE_END = float("inf")
RADAR_DAYS = (30.0, 60.0, 120.0, TO_THE_END)
"""What a felling or a burn does to the echo is gone after two or three images, what stays has the whole window."""
RADAR_PRIOR, OPTICAL_PRIOR = 100.0, 8.0
"""Speckle is as strong in every pixel, the noise of a reflectance is not."""

Days = Annotated[float, Field(gt=0)]


class Config(DetectorConfig):
    """Settings of the max-scan."""

    min_before: int = Field(default=3, ge=2, description="valid dates of the reference period, at least")
    min_after: int = Field(default=2, ge=1, description="valid dates from a candidate date on, at least")
    baseline: Literal["auto", "mean", "harmonic"] = Field(
        default="auto", description="harmonic where a year and 24 clear observations allow it, else the mean"
    )
    scales: tuple[float, ...] | None = Field(
        default=None,
        description="standard deviations in pixels of the smoothing of residuals, 0 is none; by default 0 and 1",
    )
    after_days: Days | tuple[Days, ...] | None = Field(
        default=None,
        description="days that a change is averaged over, the strongest of several counts; by default to the end of "
        "the window (.inf), and for radar 30, 60 and 120 as well",
    )
    clip: float = Field(default=6, gt=1, description="largest standardised residual that one date may contribute")
    prior: float | None = Field(
        default=None,
        ge=0,
        description="weight of the pooled scale against a pixel's own, in dates; by default 8, for radar 100",
    )
    drop: float = Field(
        default=9,
        gt=0,
        description="dates whose G falls less than this below the largest remain possible; more where noise lingers",
    )
    share: float = Field(
        default=0.6, ge=0, lt=1, description="but not more than this share of the largest G, if that is more than drop"
    )
    pool: float = Field(
        default=1.5, ge=0, le=10, description="standard deviation in pixels over which G is averaged before it is dated"
    )
    placebos: int = Field(default=24, ge=0, le=500, description="placebo windows at most")
    rows: int | None = Field(default=None, gt=0, description="rows of a block; by default what fits the cache")


@dataclass(frozen=True, slots=True)
class Found:
    """The scan of one block at one scale; ``whole`` as in ``kernels.scan``."""

    g: Floats
    """NaN where there is no candidate date."""
    sign: Floats
    whole: NDArray[np.int32]
    curve: Floats
    """G by date; of the least smoothed scale only, and where it was asked for."""

    @classmethod
    def of(cls, out: Out) -> Found:
        """From what a kernel filled, which it takes over."""
        real, whole, curve = out
        real[0][real[0] < 0] = np.nan
        return cls(real[0], real[1], whole, curve)

    def at(self, pixels: slice | NDArray[np.int64]) -> Found:
        """These pixels only."""
        return Found(self.g[pixels], self.sign[pixels], self.whole[:, pixels], self.curve[:, pixels])


@dataclass(frozen=True, slots=True)
class Machine:
    """Everything that is the same for all pixels."""

    planes: tuple[Floats, ...]
    log: bool
    times: NDArray[np.datetime64]
    reference: NDArray[np.int32]
    window: NDArray[np.int32]
    season: Floats
    surroundings: Surroundings
    scales: tuple[float, ...]
    whiten: tuple[Floats, ...]
    config: Config

    @property
    def unsmoothed(self) -> bool:
        """Whether no scale is smoothed, and so no block of a whole area has to be held."""
        return self.scales == (0.0,)

    @property
    def rows(self) -> int:
        """How many rows to scan at a time."""
        times, _, width = self.planes[0].shape
        fits = UNSMOOTHED_ROWS if self.unsmoothed else rows_of_block(len(self.planes), times, width, self.halo)
        return self.config.rows or fits

    @property
    def halo(self) -> int:
        """Pixels around a block that it needs."""
        return max(reach(max(self.scales)), reach(min(self.scales)) + reach(self.config.pool))

    @property
    def least_smoothed(self) -> int:
        """Place of the scale that gives the dates."""
        return int(np.argmin(self.scales))

    def out(self, place: int, pixels: int, dates: int) -> Out:
        """What a kernel is to fill at the scale of this place; the curve of so many dates."""
        dates = dates if place == self.least_smoothed else 0
        return np.empty((2, pixels), np.float32), np.empty((2, pixels), np.int32), np.empty((dates, pixels), np.float32)

    def residuals(self, block: Block, before: NDArray[np.int32]) -> None:
        """Turn a block into its residuals, in place."""
        where = self.surroundings
        subtract_baseline(block[0], block[1], before, self.season, where.line, where.knots, self.least(before))

    def colour(self, rows: tuple[int, int]) -> Floats:
        """Of ``ground.colour``, of whole rows."""
        some = tuple(plane[self.reference, rows[0] : rows[1]] for plane in self.planes)
        block = load(some, (0, rows[1] - rows[0]), self.log)
        width = self.planes[0].shape[2]
        return ground.colour(block, np.arange(len(self.reference), dtype=np.int32))[:, : (rows[1] - rows[0]) * width]

    def least(self, before: NDArray[np.int32]) -> float:
        """Clear observations for a harmonic baseline of these dates."""
        # a placebo has fewer dates before it, and must be given the same kind of baseline all the same
        return LEAST * len(before) / max(len(self.reference), 1)

    def scan(
        self, block: Block, width: int, before: NDArray[np.int32], after: NDArray[np.int32], dated: bool = False
    ) -> list[Found]:
        """The scan of one block at every scale, ``dated`` with curves; the block's values are used up."""
        self.residuals(block, before)
        ends = self.ends(after)
        found: dict[int, Found] = {}
        for place, work in self.smoothed(block, width):
            out = self.out(place, work.shape[2], len(after) if dated else 0)
            kernels.scan(work, block[1], (before, after, ends), self.whiten[place], self.pole(place), self.rules, out)
            found[place] = Found.of(out)
        return [found[place] for place in range(len(self.scales))]

    def scan_rows(self, rows: tuple[int, int]) -> tuple[list[Found], Booleans]:
        """The dated scan of whole rows at every scale, and where the window's dates are valid."""
        _, height, width = self.planes[0].shape
        if not self.unsmoothed:
            block = load(self.planes, rows, self.log)
            return self.scan(block, width, self.reference, self.window, dated=True), block[1][self.window] > 0
        first, last = rows[0] * width, rows[1] * width
        planes = tuple(plane.reshape(len(plane), height * width) for plane in self.planes)
        where = self.surroundings
        baseline = self.season, where.line, where.knots, self.least(self.reference)
        seen = np.empty((len(self.window), last - first), np.bool_)
        out = self.out(0, last - first, len(self.window))
        dates = self.reference, self.window, self.ends(self.window)
        rules = self.whiten[0], self.pole(0), self.rules
        scan_planes(planes, (first, last, self.log, get_num_threads()), dates, baseline, rules, out, seen)
        return [Found.of(out)], seen

    def smoothed(self, block: Block, width: int) -> Iterator[tuple[int, Floats]]:
        """Residuals at every scale, each with the place of its scale; they may be used up."""
        # the unsmoothed scale works in place, and so comes last
        for place in sorted(range(len(self.scales)), key=lambda place: -self.scales[place]):
            yield place, smoothed(*block, width, self.scales[place])

    def ends(self, window: NDArray[np.int32]) -> NDArray[np.int32]:
        """Of ``kernels.scan``: where in a window the "after" of each of its dates may end."""
        times = (self.times[window] - self.times[0]) / DAY
        days = self.config.after_days
        if days is None:
            days = RADAR_DAYS if self.log else (TO_THE_END,)
        spans = np.sort(np.atleast_1d(np.array(days, np.float64)))
        return np.stack([np.searchsorted(times, times + span, side="right") for span in spans]).astype(np.int32)

    def pole(self, place: int) -> Floats:
        """The direction in the whitened space of a scale in which all bands rise."""
        whiten = self.whiten[place]
        return np.linalg.solve(whiten.T.astype(np.float64), np.ones(len(whiten))).astype(np.float32)

    @property
    def rules(self) -> Floats:
        """As in ``kernels.scan``."""
        c = self.config
        prior = c.prior if c.prior is not None else RADAR_PRIOR if self.log else OPTICAL_PRIOR
        return np.array([c.min_before, c.min_after, c.clip, prior], np.float32)

    def measured(self, sample: list[Pane]) -> tuple[list[Floats], onset.Limits]:
        """As ``on_panes`` at the real dates; and how far dates are bounded, by what noise does to the sample."""
        config, found = self.config, []
        for pane in sample:
            scanned = self.scan(pane.copy(), pane.width, self.reference, self.window, dated=True)
            found.append([one.at(pane.inner) for one in scanned])
        curves = [each[self.least_smoothed].curve for each in found]
        limits = config.drop, config.drop * onset.inflation(curves, len(self.planes)), config.share
        return [np.concatenate([one.g for one in parts]) for parts in zip(*found, strict=True)], limits

    def dates(self, found: list[Found], seen: Booleans, width: int, limits: onset.Limits) -> NDArray[np.int32]:
        """Of ``onset.dates``, of a dated scan of a block, whose curve is used up; ``seen`` as of :meth:`scan_rows`."""
        one = found[self.least_smoothed]
        curve = onset.pooled(one.curve, width, self.config.pool)
        return onset.dates(curve, seen, self.window, one.whole[0], limits)

    def on_panes(self, sample: list[Pane], before: NDArray[np.int32], after: NDArray[np.int32]) -> list[Floats]:
        """G of every scale, of the panes' inner pixels in a row."""
        found = [[f.g[pane.inner] for f in self.scan(pane.copy(), pane.width, before, after)] for pane in sample]
        return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def build(
    stack: xr.Dataset, periods: Periods, config: Config, settled: Settled | None = None
) -> tuple[Machine, list[Pane]]:
    """Measure what is the same for all pixels and not ``settled``; the machine, and the panes it was measured on."""
    names = band_names(stack)
    log = stack.attrs["quantity"] == "gamma0"
    planes = tuple(np.ascontiguousarray(stack[name].values) for name in names)
    times = stack.time.values
    reference, window = (np.flatnonzero(side).astype(np.int32) for side in periods.sides(stack))
    scales = tuple(dict.fromkeys(config.scales or (0.0, 1.0)))
    sample = panes(planes, log, max(reach(scale) for scale in scales))
    surroundings = measure([pane.block for pane in sample], reference, None if settled is None else settled.line)
    harmonic = config.baseline == "harmonic" or (config.baseline == "auto" and has_season(times, reference, LEAST))
    phase = year_phase(times) if harmonic else no_season(times)
    plain = tuple(np.eye(len(names), dtype=np.float32) for _ in scales)
    machine = Machine(planes, log, times, reference, window, phase, surroundings, scales, plain, config)
    if settled is not None:
        return replace(machine, whiten=settled.whiten), sample
    blocks = [(pane.copy(), pane.width) for pane in sample]
    for block, _ in blocks:
        machine.residuals(block, reference)
    whiten = tuple(
        whitening([(smoothed(*block, width, scale), block[1]) for block, width in blocks], reference)
        for scale in scales
    )
    return replace(machine, whiten=whiten), sample
