"""Real imagery as the background of ``claims.py``: objects put into it, and taken out again at a known date or never.

``romania``: Sentinel-2 over a managed forest and meadows, 140 dates. ``rtc``: three bursts of Sentinel-1 over
California, 21 dates. No structures are known there, so one is painted into the pixels through the sensor's point
spread, and taken out again at a known date, or never; other places are left as they are.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from odc.geo.geom import Geometry
from rasterio.features import rasterize
from scipy import ndimage
from shapely.geometry import Point, Polygon, box

from changedet.claim import ClaimedObject, What
from changedet.objects.assess import assess
from changedet.objects.finding import Finding, Question
from changedet.pipeline import load_site
from changedet.prepare.steps import prepare_stacks
from changedet.site import Period
from changedet.sources.acquire import build_stacks, fetch_scenes, find_scenes, open_source
from changedet.stack import Periods, band_names, geobox_of, site_geobox
from changedet.store import Store

FINE = 5
"""Cells a pixel's side on which footprints are drawn."""
OPTICAL_SIGMA, RADAR_SIGMA = 5.5, 9.0
"""Metres."""
SOOT = 0.06
"""Reflectance."""
FLICKER = 0.03
"""Relative change of a roof from date to date."""
LOST = (0.6, 1.0)
"""Share of an object that goes, between these: walls and heaps stay, as the stated power of a claim has it."""
MARGIN = timedelta(days=10)
"""Nearer to the ends of the window nothing is put."""
FELLED = 0.12
"""Fall of the vegetation index from the reference period to the window, above which a place really changed."""


@dataclass(frozen=True)
class Trial:
    """One object on a real background, what is claimed of it, and what was done to it."""

    what: What
    window: Period
    true: bool
    event: datetime | None
    bare: bool
    """Whether nothing was painted at all."""
    finding: Finding


@dataclass(frozen=True)
class Ground:
    """A real stack and how objects are put on it."""

    stack: xr.Dataset
    periods: Periods
    sizes: tuple[float, float]
    """Metres across, smallest and largest."""
    usable: NDArray[np.bool_]
    """Where nothing is known to have changed by itself."""


def _load(text: str, resolution: float) -> tuple[dict[str, xr.Dataset], Periods]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "site.yaml"
        path.write_text(text)
        site = load_site(path)
        source = open_source(site, path.parent)
        geobox = site_geobox(site.ring, resolution)
        acquired = fetch_scenes(find_scenes(site, source), source, geobox, Store(Path(folder) / "cache"))
        stacks = prepare_stacks(build_stacks(acquired, geobox), site).stacks
        return {key: stack.load() for key, stack in stacks.items()}, Periods(site.before, site.after)


def romania_ground(data: Path) -> Ground:
    text = (
        "id: romania\nname: Romania\narea: {center: [22.1524, 45.2042], radius: 640}\n"
        f"source: {{kind: stac, catalog: {data.resolve()}/romania/catalog.json}}\n"
        "sensors: {sentinel-2: {max_cloud: 100}}\n"
        "before: [2016-06-01, 2019-04-30]\nafter: [2019-05-01, 2020-03-31]\n"
    )
    stacks, periods = _load(text, 10)
    (stack,) = stacks.values()
    before, after = periods.sides(stack)
    index = (stack.nir - stack.red) / (stack.nir + stack.red)
    summer = np.isin(stack.time.dt.month.values, (5, 6, 7, 8, 9))
    fall = index.values[before & summer], index.values[after & summer]
    with np.errstate(all="ignore"):
        fell = np.nanmedian(fall[0], axis=0) - np.nanmedian(fall[1], axis=0) > FELLED
    grown = ndimage.binary_dilation(fell, iterations=3)
    return Ground(stack, periods, (15, 50), stack.valid.values.any(0) & ~grown)


def rtc_ground(data: Path, burst: str, middle: tuple[float, float]) -> Ground:
    text = (
        f"id: rtc\nname: RTC\narea: {{center: [{middle[0]}, {middle[1]}], radius: 1450}}\nresolution: 30\n"
        f"source: {{kind: stac, catalog: {data.resolve()}/rtc/{burst}/catalog.json}}\n"
        "sensors: {sentinel-1: {}}\nbefore: [2021-11-01, 2023-06-30]\nafter: [2023-07-01, 2025-06-30]\n"
    )
    stacks, periods = _load(text, 30)
    (stack,) = stacks.values()
    return Ground(stack, periods, (60, 150), stack.valid.values.all(0))


def blurred(outline: Polygon, geobox: GeoBox, sigma: float) -> NDArray[np.float32]:
    """The share of each pixel's signal that comes from the footprint: its coverage through a Gaussian point spread."""
    fine = geobox.zoom_out(1 / FINE)
    cover = rasterize([(outline, 1)], fine.shape, transform=fine.affine, dtype="uint8").astype(np.float32)
    smooth = ndimage.gaussian_filter(cover, sigma / abs(fine.resolution.x))
    rows, columns = geobox.shape
    return smooth.reshape(rows, FINE, columns, FINE).mean((1, 3))


def put(ground: Ground, outline: Polygon, when: np.datetime64 | None, rng: np.random.Generator) -> xr.Dataset:
    """The stack with an object on it, most of which is gone from one instant on; None: never.

    The roof is grey, of a reflectance drawn at random, and varies by ``FLICKER`` from date to date, as roofs do. Where
    it is gone lies the real ground, more or less sooted. A radar object echoes some decibels more or less than the
    ground.
    """
    stack = ground.stack
    radar = stack.attrs["quantity"] == "gamma0"
    share = blurred(outline, geobox_of(stack), RADAR_SIGMA if radar else OPTICAL_SIGMA)
    dates = stack.sizes["time"]
    there = np.ones(dates, bool) if when is None else stack.time.values < when
    roof = float(rng.choice([rng.uniform(0.03, 0.08), rng.uniform(0.25, 0.55)])) * rng.normal(1, FLICKER, dates)
    echo = float(rng.choice([-1, 1]) * rng.uniform(3, 8)) + rng.normal(0, 0.3, dates)
    soot = float(rng.uniform(0, 0.7))
    lost = float(rng.uniform(*LOST))
    changed = {}
    for name in band_names(stack):
        values = stack[name].values
        if radar:
            with_it = values * (1 + share * (10 ** (echo[:, None, None] / 10) - 1))
            without = values
        else:
            with_it = values + share * (roof[:, None, None] - values)
            without = values + soot * share * (SOOT - values)
        left = np.where(there, 1, 1 - lost)[:, None, None]
        changed[name] = (stack[name].dims, (left * with_it + (1 - left) * without).astype(np.float32))
    return stack.assign(changed)


def trials(ground: Ground, count: int, seed: int) -> list[Trial]:
    """Objects at random places: a third is lost as claimed, a sixth at another time, a sixth stays; a third is none."""
    rng = np.random.default_rng(seed)
    stack, geobox = ground.stack, geobox_of(ground.stack)
    after = ground.periods.after
    found: list[Trial] = []
    while len(found) < count:
        size = float(np.exp(rng.uniform(*np.log(ground.sizes))))
        row, column = (int(rng.integers(8, side - 8)) for side in geobox.shape)
        if not ground.usable[row, column]:
            continue
        x, y = geobox.affine * (column + float(rng.uniform(0, 1)), row + float(rng.uniform(0, 1)))
        half = size / 2
        outline = Point(x, y).buffer(half) if rng.random() < 0.5 else box(x - half, y - half, x + half, y + half)
        ring = Geometry(outline, geobox.crs).to_crs("EPSG:4326").exterior.points
        one = ClaimedObject(name="object", polygon=tuple((float(a), float(b)) for a, b in ring[:-1]))
        span = (after.last - after.first - 2 * MARGIN).days
        on = after.first + MARGIN + timedelta(days=int(rng.integers(0, span)))
        fate = rng.random()
        window = _window(on, after, rng, right=fate < 1 / 3 or fate >= 1 / 2)
        # at any time of that day: the images of romania are all stamped midnight
        moment = datetime(on.year, on.month, on.day, tzinfo=UTC) + timedelta(hours=float(rng.uniform(0, 24)))
        event = moment if fate < 1 / 2 else None
        bare = fate >= 2 / 3
        when = None if event is None else np.datetime64(event.replace(tzinfo=None))
        images = stack if bare else put(ground, outline, when, rng)
        question = Question("destroyed", window, ground.periods, seed + len(found))
        (finding,), _ = assess([one], question, {str(stack.attrs["key"]): images}, with_limit=False)
        found.append(Trial("destroyed", window, event is not None and window.holds(event), event, bare, finding))
    return found


def _window(on: date, after: Period, rng: np.random.Generator, *, right: bool) -> Period:
    if right:
        # of all days of the window alike, as the stated power has it
        days = int(rng.integers(0, 100))
        first = on - timedelta(days=int(rng.integers(0, days + 1)))
        last = first + timedelta(days=days)
        return Period(first=max(first, after.first + MARGIN), last=min(last, after.last - MARGIN))
    middle = after.first + (after.last - after.first) / 2
    away = timedelta(days=90)
    if on < middle:
        return Period(first=min(on + away, after.last), last=after.last)
    return Period(first=after.first, last=max(on - away, after.first))


def romania(data: Path, seeds: Iterable[int]) -> list[Trial]:
    """200 claims a seed."""
    ground = romania_ground(data)
    return [trial for seed in seeds for trial in trials(ground, 200, seed)]


def romania_unfelled(data: Path, seeds: Iterable[int]) -> list[Trial]:
    """As ``romania``, felled ground masked: what objects are compared with is then as unchanged as where they lie."""
    ground = romania_ground(data)
    usable = xr.DataArray(ground.usable, dims=("y", "x"))
    unfelled = replace(ground, stack=ground.stack.assign(valid=ground.stack.valid & usable))
    return [trial for seed in seeds for trial in trials(unfelled, 200, seed)]


def rtc(data: Path, seeds: Iterable[int]) -> list[Trial]:
    """40 claims a seed and burst."""
    seeds, found = list(seeds), []
    for number, folder in enumerate(sorted(p.parent for p in (data / "rtc").glob("*/catalog.json"))):
        item = json.loads(next(folder.rglob("*/*.json")).read_text())
        west, south, east, north = item["bbox"]
        ground = rtc_ground(data, folder.name, ((west + east) / 2, (south + north) / 2))
        for seed in seeds:
            found += trials(ground, 40, 10 * seed + number)
    return found


REAL: Mapping[str, tuple[Callable[[Path, Iterable[int]], list[Trial]], int]] = {
    "romania (optical)": (romania, 15),
    "romania, felled ground masked": (romania_unfelled, 15),
    "rtc (radar)": (rtc, 50),
}
"""How objects are put on each ground, and by how many seeds."""
