"""Simulated sites for ``claims.py``: random structures, random events, and stacks of them without files in between.

The scenes are those of ``changedet.simulate``, and go through the package's own preparation (clouds, co-registration).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy.ndimage import gaussian_filter, uniform_filter
from shapely.affinity import translate
from shapely.geometry import Point, Polygon

from changedet.claim import ClaimedObject
from changedet.prepare.steps import prepare_stacks
from changedet.scene import OPTICAL_BANDS
from changedet.simulate import Event, Simulation, Structure, building, optical, radar, tank
from changedet.simulate.layout import default_fields, default_structures
from changedet.simulate.scenario import EPSG, RADAR_ORBITS, Pass, optical_passes, radar_passes
from changedet.simulate.surface import Surface, Terrain
from changedet.simulate.truth import to_lonlat
from changedet.site import Circle, Period, SensorSpec, Site
from changedet.stack import Layer, Periods, build_stack, geobox_of, ring_mask
from changedet.values import SourceConfig

SIZE = 2400
MOST_CLOUD = 0.6
"""Share of the sky above which a scene is not fetched, as ``max_cloud: 60`` says."""
PLACEMENT = 2.0
"""Metres, standard deviation by which a person misplaces a footprint."""


@dataclass(frozen=True)
class Fate:
    """One structure and what happens to it."""

    structure: Structure
    event: Event | None


@dataclass(frozen=True)
class World:
    """One simulated site and its stacks."""

    simulation: Simulation
    fates: tuple[Fate, ...]
    stacks: dict[str, xr.Dataset]
    periods: Periods
    decoys: tuple[Polygon, ...]
    """Fields, in metres from the centre."""

    def lonlat(self, outline: Polygon, rng: np.random.Generator) -> tuple[tuple[float, float], ...]:
        """Corners of an outline as a person would draw it."""
        moved = translate(outline, *rng.normal(0, PLACEMENT, 2))
        simple = moved.simplify(0.3) if len(moved.exterior.coords) > 20 else moved
        corners = list(to_lonlat(self.simulation, simple).exterior.coords)[:-1]
        return tuple((float(x), float(y)) for x, y in corners)


def world(seed: int) -> World:
    """A site drawn at random: sparse or crowded, clear or cloudy, with radar or without."""
    rng = np.random.default_rng([seed, 77])
    base = Simulation(seed=seed, size_m=SIZE)
    standing = default_structures() if rng.random() < 0.6 else ()
    structures = _structures(rng, standing)
    fates = tuple(_fate(structure, base, rng) for structure in structures)
    simulation = Simulation(
        seed=seed,
        size_m=SIZE,
        cloud_share=float(rng.choice([0.1, 0.25, 0.45, 0.65])),
        structures=(*standing, *structures),
        events=tuple(fate.event for fate in fates if fate.event is not None),
        sensors=("sentinel-2", "sentinel-1") if rng.random() < 0.7 else ("sentinel-2",),
    )
    periods = Periods(simulation.before, simulation.after)
    fields = tuple(f.outline for f in default_fields() if f.outline.bounds[1] > -SIZE / 2 + 60)
    return World(simulation, fates, stacks(simulation, fates), periods, fields)


def _structures(rng: np.random.Generator, standing: tuple[Structure, ...]) -> tuple[Structure, ...]:
    """Sixteen objects of 8 to 100 m that keep clear of all others, half of them about the plant, half outside."""
    found: list[Structure] = []
    while len(found) < 16:
        size = float(np.exp(rng.uniform(math.log(8), math.log(100))))
        reach = 600 if len(found) % 2 else SIZE / 2 - 120
        place = (float(rng.uniform(-reach, reach)), float(rng.uniform(-reach, reach)))
        name = f"object-{len(found)}"
        if rng.random() < 0.5:
            one = tank(name, place, size, float(rng.uniform(6, 14)))
        else:
            sides = (size, size * float(rng.uniform(0.5, 1)))
            one = building(name, place, sides, float(rng.uniform(4, 10)), float(rng.uniform(0, 90)))
        if all(one.footprint.distance(other.footprint) > 40 for other in (*found, *standing)):
            found.append(one)
    return tuple(found)


def _fate(structure: Structure, base: Simulation, rng: np.random.Generator) -> Fate:
    draw = rng.random()
    if draw < 0.5:
        return Fate(structure, None)
    days = (base.after.last - base.after.first).days
    on = base.after.first + timedelta(days=int(rng.integers(3, days - 3)))
    action = "demolish" if draw < 0.8 else "burn" if draw < 0.9 else "build"
    return Fate(structure, Event(f"event-{structure.id}", structure.id, action, (structure.id,), on))


def stacks(simulation: Simulation, fates: tuple[Fate, ...]) -> dict[str, xr.Dataset]:
    """Prepared stacks of all sensors."""
    west, north = simulation.origin
    side = simulation.size_m // 10
    geobox = GeoBox((side, side), Affine(10, 0, west, 0, -10, north), f"EPSG:{EPSG}")
    terrain = Terrain(simulation)
    raw: dict[str, xr.Dataset] = {}
    if "sentinel-2" in simulation.sensors:
        layers = []
        surfaces = _Surfaces(simulation, terrain)
        for p in optical_passes(simulation):
            if optical.conditions(simulation, terrain, p).cloud <= MOST_CLOUD:
                stored, _ = optical.render(simulation, terrain, surfaces.on(p.time.date()), p)
                layers.append(_optical_layer(p, stored))
        raw["sentinel-2"] = build_stack(layers, geobox, sensor="sentinel-2", key="sentinel-2", simulated=True)
    if "sentinel-1" in simulation.sensors:
        for (orbit, direction, *_), passes in zip(RADAR_ORBITS, radar_passes(simulation), strict=True):
            track = radar.Track(simulation, terrain, orbit, direction)
            surfaces = _Surfaces(simulation, terrain)
            layers = [
                Layer(p.time, p.id, p.platform, orbit, track.render(surfaces.on(p.time.date()), p)) for p in passes
            ]
            key = f"sentinel-1-orbit-{orbit:03d}"
            raw[key] = build_stack(layers, geobox, sensor="sentinel-1", key=key, simulated=True)
    return dict(prepare_stacks(raw, _site(simulation, fates)).stacks)


class _Surfaces:
    """The ground of each day, drawn again only after an event."""

    def __init__(self, simulation: Simulation, terrain: Terrain) -> None:
        self._terrain = terrain
        self._days = sorted({simulation.start, *(event.on for event in simulation.all_events)})
        self._day: date | None = None
        self._surface: Surface | None = None

    def on(self, day: date) -> Surface:
        state = max(first for first in self._days if first <= day)
        if self._surface is None or state != self._day:
            self._day, self._surface = state, self._terrain.at(state)
        return self._surface


def _optical_layer(p: Pass, stored: dict[str, NDArray]) -> Layer:
    offset = 1000 if p.baseline >= "04.00" else 0
    bands = {}
    for name in OPTICAL_BANDS:
        values = (stored[name].astype(np.float32) - offset) / 1e4
        bands[name] = values if optical.RESOLUTION[name] == 10 else np.kron(values, np.ones((2, 2), np.float32))
    scl = np.kron(stored["scl"], np.ones((2, 2), np.uint8))
    return Layer(p.time, p.id, p.platform, p.relative_orbit, bands, scl)


def _site(simulation: Simulation, fates: tuple[Fate, ...]) -> Site:
    lon, lat = to_lonlat(simulation, Point(0, 0).buffer(1)).centroid.coords[0]
    rings = [to_lonlat(simulation, fate.structure.footprint) for fate in fates]
    zones = tuple(
        ClaimedObject(name=f"{number}", polygon=tuple(ring.exterior.coords)[:-1]).zone()
        for number, ring in enumerate(rings)
    )
    return Site(
        id="simulated",
        name="Simulated",
        ring=Circle(center=(lon, lat), radius=simulation.size_m / 2 - 40).ring(),
        source=SourceConfig(kind="stac"),
        sensors={sensor: SensorSpec() for sensor in simulation.sensors},
        before=simulation.before,
        after=simulation.after,
        zones=zones,
    )


def threshold_rule(w: World, one: ClaimedObject, what: str, window: Period) -> str:
    """The published rule for radar on a claim: T > 3.3 inside the footprint means destroyed, else not.

    Pixel-wise Welch t of ln power, the year before the window against the two months from its first day on; the larger
    of VV and VH, the mean over orbits, the mean of smoothing at four scales (Ballinger 2024).
    """
    scores = []
    for stack in w.stacks.values():
        if stack.attrs["quantity"] != "gamma0":
            continue
        times = stack.time.values
        first = np.datetime64(window.start.replace(tzinfo=None))
        before = np.flatnonzero((times >= first - np.timedelta64(365, "D")) & (times < first))
        after = np.flatnonzero((times >= first) & (times < first + np.timedelta64(60, "D")))
        if len(before) < 2 or len(after) < 2:
            continue
        t = np.zeros(stack.vv.shape[1:])
        for band in ("vv", "vh"):
            ln = np.log(np.stack([uniform_filter(image, 3) for image in stack[band].values]))
            a, b = ln[before], ln[after]
            spread = np.sqrt(a.var(0, ddof=1) / len(before) + b.var(0, ddof=1) / len(after))
            t = np.maximum(t, np.abs(a.mean(0) - b.mean(0)) / np.maximum(spread, 1e-6))
        scores.append(t)
    if not scores:
        return "inconclusive"
    mean = np.mean(scores, axis=0)
    smooth = np.mean([mean, *(gaussian_filter(mean, sigma) for sigma in (1.0, 2.0, 3.0))], axis=0)
    stack = next(iter(w.stacks.values()))
    destroyed = smooth[ring_mask(one.ring(), geobox_of(stack))].mean() > 3.3
    says_change = what != "intact"
    return "supported" if destroyed == says_change else "contradicted"
