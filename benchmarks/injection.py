"""Demolitions put into real stacks, and how many are found: ``python benchmarks/injection.py [--write]``.

Optical: Sentinel-2 over a managed forest in Romania, off the ground that was felled in any year. Radar: three bursts of
OPERA RTC-S1 over California. Every window of three dates with enough dates before it is scanned several times with the
default settings, each time with round objects of 10–80 m put at other places, so far apart that most of the scene stays
as it was. An object is found where ``changed`` at 1 % holds for a pixel that it touches or the next one up, down, left
or right.

The share of a pixel that an object fills is its disc seen through the sensor's point spread and the square pixel. From
the first date after, reflectance rises by the contrast × the share in every band: the noise of the ground stays. Linear
radar power is multiplied by 1 + share × (step − 1): speckle stays as strong.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from calibration import LEAST, fellings
from numpy.typing import NDArray
from real import BURSTS, romania_stack, rtc_stack, split
from scipy import ndimage, special, stats
from tables import DATA, table, write_section

from changedet.detect import calibrate, scan
from changedet.objects.shapes import OPTICAL_SIGMA, RADAR_SIGMA

RATE, AFTER = 0.01, 3
DIAMETERS = (10, 15, 20, 30, 40, 60, 80)
CONTRASTS = (0.05, 0.10, 0.15, 0.20)
STEPS_DB = (-3.0, -6.0, -10.0)
BOTH_DB = -6.0
"""What the radar sees of an object that both sensors see."""
OPTICAL_PIXEL, RADAR_PIXEL = 10, 30
APART = 140.0
"""Metres between the middles of two objects."""
OPTICAL_STEP, OPTICAL_DRAWS, RADAR_DRAWS = 3, 4, 1
FOUND, ASKED_CONTRAST, ASKED = 0.8, 0.15, 20
NOTHING = "nothing put in"
WORDS = f"""\
Found, in per cent, by diameter in metres; the last column is the smallest diameter from which on all are found in
{FOUND:.0%}. Three images after, each clear over the whole object. The row "{NOTHING}" is the same places looked at in
the same maps before anything was put in: the larger the object, the more often one of its pixels is flagged by chance.
Asked for: ≤ {ASKED} m at a contrast of {ASKED_CONTRAST}. The ground under an object brightens by the contrast in every
band alike.

With both sensors: no place has both. A crop of a radar map, at the same scale and with the same objects put in
({BOTH_DB:g} dB), is laid over the optical map, and their p joined as `changedet` joins sensors.

Two orbits: no place has both here either. Two neighbouring bursts of one pass stand for them; their speckle is
independent, their grounds differ, and the same objects are put into both. Their maps are joined as those of two
relative orbits."""


@dataclass(frozen=True)
class Thing:
    """An object to be put in: metres from the upper left corner, metres across, and its strength."""

    y: float
    x: float
    diameter: int
    strength: float

    def cells(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Middles of cells of a metre along each axis, and which of them are the object's."""
        line = np.arange(self.diameter, dtype=np.float64) - (self.diameter - 1) / 2
        own = np.hypot(line[:, None], line[None, :]) <= self.diameter / 2
        return self.y + line, self.x + line, np.asarray(own)

    def share(self, shape: tuple[int, int], pixel: int, sigma: float) -> NDArray[np.float64]:
        """How much of each pixel's value comes from the object, 0–1."""
        y, x, own = self.cells()

        def seen(count: int, middles: NDArray[np.float64]) -> NDArray[np.float64]:
            edges = np.arange(count + 1) * float(pixel)
            return np.diff(special.ndtr((edges[:, None] - middles[None, :]) / sigma), axis=0)

        return np.asarray(seen(shape[0], y) @ own @ seen(shape[1], x).T / pixel**2)

    def around(self, shape: tuple[int, int], pixel: int) -> NDArray[np.bool_]:
        """The pixels that it touches, and those that share a side with one."""
        y, x, own = self.cells()
        touched = np.zeros(shape, bool)
        rows, columns = np.meshgrid(y // pixel, x // pixel, indexing="ij")
        inside = own & (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
        touched[rows[inside].astype(int), columns[inside].astype(int)] = True
        return np.asarray(ndimage.binary_dilation(touched))


@dataclass
class Curve:
    """What was found, by row of the table and diameter."""

    tried: Counter[tuple[str, int]] = field(default_factory=Counter)
    found: Counter[tuple[str, int]] = field(default_factory=Counter)

    def add(self, row: str, thing: Thing, flagged: NDArray[np.bool_], around: NDArray[np.bool_]) -> None:
        self.tried[row, thing.diameter] += 1
        self.found[row, thing.diameter] += bool((flagged & around).any())

    def share(self, row: str, diameter: int) -> float:
        return self.found[row, diameter] / max(self.tried[row, diameter], 1)

    def smallest(self, row: str) -> int | None:
        """The diameter from which on all are found often enough."""
        good = [diameter for diameter in DIAMETERS if self.share(row, diameter) < FOUND]
        later = [diameter for diameter in DIAMETERS if not good or diameter > good[-1]]
        return later[0] if later else None

    def lines(self) -> list[str]:
        rows = []
        names = {name for name, _ in self.tried}
        for row in sorted(names, key=lambda name: (name.split(":")[0], NOTHING in name, name)):
            counts = [self.tried[row, diameter] for diameter in DIAMETERS]
            smallest = self.smallest(row)
            cells = [f"{100 * self.share(row, diameter):.0f}" for diameter in DIAMETERS]
            last = "" if row.endswith(NOTHING) else (f"{smallest} m" if smallest else "none")
            rows.append([row, *cells, f"{min(counts)}–{max(counts)}", last])
        return table(["", *(f"{diameter} m" for diameter in DIAMETERS), "objects a cell", "80 % from"], rows)


def places(
    free: NDArray[np.bool_], pixel: int, strengths: tuple[float, ...], rng: np.random.Generator
) -> Iterator[Thing]:
    """Objects at random on free ground, ``APART`` from each other; every size and strength is as likely."""
    width = free.shape[1]
    row, column = np.indices(free.shape).astype(float)
    room = ndimage.distance_transform_edt(np.pad(free, 1))[1:-1, 1:-1] * pixel
    kinds = [(diameter, strength) for diameter in DIAMETERS for strength in strengths]
    for place in rng.permutation(len(kinds) * math.ceil(free.size * pixel**2 / APART**2 / len(kinds))):
        diameter, strength = kinds[place % len(kinds)]
        suits = np.flatnonzero(room >= diameter / 2 + 2 * pixel)
        if not len(suits):
            continue
        at = divmod(int(rng.choice(suits)), width)
        y, x = ((line + rng.random()) * pixel for line in at)
        room[np.hypot((row + 0.5) * pixel - y, (column + 0.5) * pixel - x) < APART] = 0
        yield Thing(y, x, diameter, strength)


def put_in(stack: xr.Dataset, things: list[Thing]) -> xr.Dataset:
    """The stack with the objects from its third last date on; strength is a contrast, or for radar a step in dB."""
    radar = stack.attrs["sensor"] == "sentinel-1"
    shape = stack.sizes["y"], stack.sizes["x"]
    pixel, sigma = (RADAR_PIXEL, RADAR_SIGMA) if radar else (OPTICAL_PIXEL, OPTICAL_SIGMA)
    change = np.zeros(shape)
    for thing in things:
        share = thing.share(shape, pixel, sigma)
        change += share * (10 ** (thing.strength / 10) - 1 if radar else thing.strength)
    out = stack.copy(deep=True)
    for name in ("vv", "vh") if radar else ("blue", "green", "red", "nir"):
        after = out[name].values[-AFTER:]
        after[:] = after * (1 + change) if radar else after + change
    return out


def detect(stack: xr.Dataset) -> xr.Dataset:
    return scan.detect(stack, split(stack, stack.sizes["time"] - AFTER, AFTER), scan.Config(), RATE)


def windows(stack: xr.Dataset, least: int, step: int) -> list[xr.Dataset]:
    """Stacks that end with each window."""
    ends = range(least + AFTER, stack.sizes["time"] + 1, step)
    return [stack.isel(time=slice(0, end)) for end in ends]


def record(curve: Curve, label: str, maps: tuple[NDArray[np.bool_], NDArray[np.bool_]], things: list[Thing]) -> None:
    """What a map flags with the objects, and without; ``label`` formats the strength."""
    before, after = maps
    pixel = RADAR_PIXEL if label.startswith("radar") else OPTICAL_PIXEL
    for thing in things:
        around = thing.around(before.shape, pixel)
        curve.add(label.format(thing.strength), thing, after, around)
        curve.add(f"{label.split(':', maxsplit=1)[0]}: {NOTHING}", thing, before, around)


@dataclass
class Lent:
    """Radar maps that stand in for those of the forest."""

    parts: list[xr.Dataset]
    before: dict[int, xr.Dataset] = field(default_factory=dict)

    def pair(self, things: list[Thing], size: int, rng: np.random.Generator) -> list[NDArray[np.float64]]:
        """p on ``size`` pixels of 10 m of a random crop, without the objects and with them."""
        which = int(rng.integers(len(self.parts)))
        part, side = self.parts[which], math.ceil(size * OPTICAL_PIXEL / RADAR_PIXEL)
        row, column = (int(rng.integers(part.sizes[axis] - side + 1)) for axis in ("y", "x"))
        if which not in self.before:
            self.before[which] = detect(part)
        moved = [Thing(t.y + row * RADAR_PIXEL, t.x + column * RADAR_PIXEL, t.diameter, BOTH_DB) for t in things]
        fine = RADAR_PIXEL // OPTICAL_PIXEL
        crop = (slice(row, row + side), slice(column, column + side))
        maps = [self.before[which], detect(put_in(part, moved))]
        return [np.kron(change.p_value.values[crop], np.ones((fine, fine)))[:size, :size] for change in maps]


def optical(curve: Curve, both: Curve, lent: Lent, draws: int) -> list[float]:
    """Fill the curves; the share that the maps flag on ground that was never felled, before anything is put in."""
    stack = romania_stack(DATA)
    stack = stack.isel(time=stack.valid.mean(("y", "x")).values > 0.5)
    felled, flagged = fellings(stack, grow=1), []
    for number, part in enumerate(windows(stack, LEAST["romania"], OPTICAL_STEP)):
        before = detect(part)
        clear = part.valid.values[-AFTER:].all(0) & ~felled
        flagged.append(float(before.changed.values[clear].mean()))
        for draw in range(draws):
            rng = np.random.default_rng((number, draw))
            things = list(places(clear, OPTICAL_PIXEL, CONTRASTS, rng))
            after = detect(put_in(part, things))
            record(curve, "optical: contrast {:.2f}", (before.changed.values, after.changed.values), things)
            radar = lent.pair(things, clear.shape[0], rng)
            joined = [
                calibrate.cauchy_combination(change.p_value.values, p) <= RATE
                for change, p in zip((before, after), radar, strict=True)
            ]
            record(both, "both: contrast {:.2f}", (joined[0], joined[1]), things)
    return flagged


def radar(curve: Curve, parts: list[list[xr.Dataset]], draws: int) -> list[float]:
    """As ``optical``, for one burst by itself and two together; ``parts`` by window and burst."""
    flagged = []
    for number, bursts in enumerate(parts):
        quiet = [detect(part) for part in bursts]
        flagged += [float(change.changed.values.mean()) for change in quiet]
        for first in range(len(bursts)):
            pair = (first, (first + 1) % len(bursts))
            before = _two([quiet[i] for i in pair])
            for draw in range(draws):
                rng = np.random.default_rng((number, first, draw))
                things = list(places(np.ones(before.shape, bool), RADAR_PIXEL, STEPS_DB, rng))
                after = [detect(put_in(bursts[i], things)) for i in pair]
                one = quiet[first].changed.values, after[0].changed.values
                record(curve, "radar, one orbit: {:g} dB", one, things)
                record(curve, "radar, two orbits: {:g} dB", (before, _two(after)), things)
    return flagged


def _two(maps: list[xr.Dataset]) -> NDArray[np.bool_]:
    named = {f"sentinel-1-orbit-{i}": change for i, change in enumerate(maps)}
    return np.asarray(calibrate.combine(named, RATE).changed.values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    parser.add_argument("--draws", type=int, default=OPTICAL_DRAWS, help="times that a window of Romania is filled")
    options = parser.parse_args()
    bursts = [windows(rtc_stack(DATA, burst), LEAST["rtc"], 1) for burst in BURSTS]
    by_window = [list(parts) for parts in zip(*bursts, strict=True)]
    curves = [Curve(), Curve(), Curve()]
    seen = optical(curves[0], curves[1], Lent([part for parts in by_window for part in parts]), options.draws)
    heard = radar(curves[2], by_window, RADAR_DRAWS)
    row = f"optical: contrast {ASKED_CONTRAST:.2f}"
    tried, found = curves[0].tried[row, ASKED], curves[0].found[row, ASKED]
    low, high = stats.binomtest(found, tried).proportion_ci(method="wilson")
    lines = [*WORDS.splitlines(), ""]
    for curve in curves:
        lines += [*curve.lines(), ""]
    lines += [
        f"At {ASKED} m and a contrast of {ASKED_CONTRAST}: {found} of {tried} found, {low:.0%}–{high:.0%} (95 %). "
        f"Flagged pixels where nothing was put in: {np.mean(seen):.2%} of the forest never felled, in {len(seen)} "
        f"windows, and {np.mean(heard):.2%} of the bursts, in {len(heard)}; nominal {RATE:.0%}."
    ]
    print("\n".join(lines))
    if options.write:
        write_section(
            "injection", "Demolitions put into real stacks", "python benchmarks/injection.py --write", lines
        )  # fmt: skip


if __name__ == "__main__":
    main()
