"""Sentinel-2 L2A of the simulated ground: sun and shadows, atmosphere, clouds, the point spread, noise, DN."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from changedet.scene import OPTICAL_BANDS
from changedet.simulate.blur import Blur, line_weights
from changedet.simulate.scenario import NEW_BASELINE, SUBPIXEL, Pass, Simulation, leaf_cover, moisture, rain_days, sun
from changedet.simulate.surface import LATTICE_COVER, REFLECTANCE, Grid, Surface, Terrain, flare_cells, rough

RESOLUTION: dict[str, int] = {"blue": 10, "green": 10, "red": 10, "nir": 10, "swir16": 20, "swir22": 20, "scl": 20}
"""Native sampling in metres."""
PSF_SIGMA = 0.55
"""Standard deviation of the point spread in native pixels: 5.5 m at 10 m, a modulation of 0.22 at Nyquist."""
HAZE_COLOUR = np.array([1.0, 0.72, 0.5, 0.3, 0.1, 0.06])
"""Path radiance left by the atmospheric correction, relative to blue."""
SKYLIGHT = np.array([0.42, 0.34, 0.28, 0.22, 0.15, 0.12])
"""Share of the light that reaches a shadow, by band."""
CLOUD_COLOUR = np.array([0.78, 0.76, 0.76, 0.78, 0.55, 0.42])
FLAME = np.array([0.0, 0.0, 0.03, 0.35, 2.6, 4.2])
"""Apparent reflectance that the flare adds to its 5 m × 5 m: a flame near 1600 K against the sun."""
PLATFORM_GAIN = {"sentinel-2a": 1.0, "sentinel-2b": 0.985}


@dataclass(frozen=True, slots=True)
class Conditions:
    """What one acquisition meets."""

    sun_azimuth: float
    sun_elevation: float
    cloud: float
    """Share of the sky covered, 0–1."""
    haze: float
    """Residual path reflectance in blue."""
    gain: float
    shift: tuple[float, float]
    """Metres by which the image content lies too far south and east."""
    wet: float
    flame: float
    green: tuple[float, ...]
    """Leaf cover of each field."""


def sampling(simulation: Simulation, pixel: int, shift: tuple[float, float]) -> Blur:
    """The point spread and sampling of the bands of one native resolution."""
    south, east = (line_weights(simulation.size_m, pixel, PSF_SIGMA * pixel, metres) for metres in shift)
    return Blur(south, east)


def shadows(surface: Surface, azimuth: float, elevation: float) -> Grid:
    """Share of direct sunlight that is blocked in each cell, 0–1, by structures between it and the sun."""
    blocked = np.zeros(surface.height.shape, np.float32)
    rise = math.tan(math.radians(elevation))
    for heights, opacity in ((surface.height, 1.0), (surface.lattice, LATTICE_COVER)):
        steps = math.ceil(float(heights.max()) / rise / SUBPIXEL)
        if steps == 0:
            continue
        rows, columns = (np.flatnonzero(heights.any(axis=axis)) for axis in (1, 0))
        reach = tuple(slice(max(int(found[0]) - steps, 0), int(found[-1]) + steps + 1) for found in (rows, columns))
        caster, ground = heights[reach], surface.height[reach]
        dark = np.zeros(caster.shape, bool)
        for step in range(1, steps + 1):
            down = round(step * math.cos(math.radians(azimuth)))
            right = round(-step * math.sin(math.radians(azimuth)))
            dark |= _moved(caster, down, right) > ground + np.float32(step * SUBPIXEL * rise)
        blocked[reach] = np.maximum(blocked[reach], opacity * dark)
    return blocked


def _moved(values: Grid, down: int, right: int) -> Grid:
    """The image moved by whole cells, zero where nothing comes in."""
    out = np.zeros_like(values)
    rows, columns = values.shape
    out[max(down, 0) : rows + min(down, 0), max(right, 0) : columns + min(right, 0)] = values[
        max(-down, 0) : rows + min(-down, 0), max(-right, 0) : columns + min(-right, 0)
    ]
    return out


def conditions(simulation: Simulation, terrain: Terrain, p: Pass) -> Conditions:
    """Draw what one acquisition meets; each date has its own random stream."""
    rng = simulation.rng(10, p.number)
    share = simulation.cloud_share
    # winter has most of the clouds here, and a day is mostly either clear or overcast
    winter = math.cos(2 * math.pi * (p.time.timetuple().tm_yday - 20) / 365.25)
    mean = share * (1 + 0.8 * (1 - share) * winter)
    cover = share if share in (0, 1) else float(rng.beta(0.6 * mean, 0.6 * (1 - mean)))
    haze = float(rng.normal(0.0, 0.004))
    gain = float(rng.normal(1.0, 0.012)) * PLATFORM_GAIN[p.platform]
    radius, angle = simulation.max_shift * 10 * math.sqrt(rng.random()), 2 * math.pi * rng.random()
    if p.role and share < 1:
        cover = 0.0
    if p.role == "haze":
        haze = 0.045
    azimuth, elevation = sun(p.time, *simulation.center)
    return Conditions(
        azimuth,
        elevation,
        0.0 if cover < 0.004 else cover,
        haze,
        gain,
        (radius * math.cos(angle), radius * math.sin(angle)),
        moisture(rain_days(simulation), p.time),
        float(rng.lognormal(0.0, 0.25)),
        leaf_cover(simulation, terrain.fields, p.time),
    )


def lit_ground(simulation: Simulation, surface: Surface, seen: Conditions) -> Grid:
    """Reflectance as the sun of the day shows it, (6, rows, columns) on the fine grid."""
    ground = surface.reflectance.copy()
    cells = np.flatnonzero(surface.fields)
    cover = np.array([0.0, *seen.green], np.float32)[surface.fields.ravel()[cells]]
    blocked = shadows(surface, seen.sun_azimuth, seen.sun_elevation)
    season = 1 + 0.06 * (math.sin(math.radians(seen.sun_elevation)) - 0.75)
    dark = 1 - 0.28 * seen.wet * surface.thirst
    shaded = np.flatnonzero(blocked)
    for band in range(len(OPTICAL_BANDS)):
        flat = ground[band].ravel()
        flat[cells] += cover * (REFLECTANCE["leaves"][band] - flat[cells])
        if seen.wet > 0.01:
            flat *= dark.ravel()
        flat[shaded] *= 1 - blocked.ravel()[shaded] * (1 - SKYLIGHT[band])
        flat *= season
    flame = flare_cells(simulation)
    if flame is not None:
        ground[:, flame[0], flame[1]] += (FLAME * seen.flame)[:, None, None]
    return ground


def clouds(simulation: Simulation, p: Pass, seen: Conditions) -> tuple[Grid, Grid]:
    """Opacity of clouds and of their shadows on the 10 m grid, 0–1.

    The field is drawn larger than the site, so that shadows of clouds outside come in.
    """
    side = simulation.size_m // 10
    if seen.cloud == 0:
        return np.zeros((side, side), np.float32), np.zeros((side, side), np.float32)
    rng = simulation.rng(11, p.number)
    margin = 80
    field = rough(rng, side + 2 * margin, 1.9, 90)
    if seen.cloud >= 0.999:
        whole = np.ones_like(field)
    else:
        level = float(np.quantile(field[margin:-margin, margin:-margin], 1 - seen.cloud))
        whole = np.clip((field - level) / 0.5 + 0.5, 0, 1)
    reach = rng.uniform(500, 1200) / math.tan(math.radians(seen.sun_elevation)) / 10
    away = math.radians(seen.sun_azimuth + 180)
    moved = _moved(whole, round(-reach * math.cos(away)), round(reach * math.sin(away)))
    inner = slice(margin, margin + side)
    return whole[inner, inner], 0.62 * moved[inner, inner]


def classify(bands: Mapping[str, Grid], cloud: Grid, shadow: Grid) -> NDArray[np.uint8]:
    """SCL on the 20 m grid: what Sen2Cor would say, with its usual faults.

    Thin cloud edges (opacity below about 0.2) and faint shadows are missed and leak into the clear ground.
    """
    cloud20, shadow20 = _halved(cloud), _halved(shadow)
    red, nir, green = (_halved(bands[name]) for name in ("red", "nir", "green"))
    scl = np.full(cloud20.shape, 5, np.uint8)
    scl[(nir - red) > 0.35 * (nir + red)] = 4
    scl[(green > nir * 1.25) & (nir < 0.12)] = 6
    scl[shadow20 > 0.22] = 3
    scl[cloud20 > 0.18] = 10
    scl[cloud20 > 0.35] = 8
    scl[cloud20 > 0.65] = 9
    return scl


def _halved(values: Grid) -> Grid:
    rows, columns = values.shape
    return np.asarray(values.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3)), np.float32)


def render(
    simulation: Simulation, terrain: Terrain, surface: Surface, p: Pass
) -> tuple[dict[str, NDArray], Conditions]:
    """One acquisition as the provider stores it: uint16 DN by band and uint8 ``scl``, each at native sampling."""
    seen = conditions(simulation, terrain, p)
    rng = simulation.rng(12, p.number)
    ground = lit_ground(simulation, surface, seen)
    cloud, shadow = clouds(simulation, p, seen)
    blurs = {pixel: sampling(simulation, pixel, seen.shift) for pixel in (10, 20)}
    physical: dict[str, Grid] = {}
    for band, name in enumerate(OPTICAL_BANDS):
        pixel = RESOLUTION[name]
        value = blurs[pixel](ground[band])
        if seen.cloud > 0:
            opacity, dark = (cloud, shadow) if pixel == 10 else (_halved(cloud), _halved(shadow))
            value = value * (1 - dark * (1 - 0.5 * SKYLIGHT[band]))
            value = value + opacity * (CLOUD_COLOUR[band] * (0.75 + 0.25 * opacity) - value)
        value = value * (seen.gain * (1 - 0.8 * seen.haze * HAZE_COLOUR[band])) + seen.haze * HAZE_COLOUR[band]
        noise = rng.standard_normal(value.shape, np.float32)
        physical[name] = value + noise * np.sqrt(0.0012**2 + (0.006 * value) ** 2)
    stored: dict[str, NDArray] = {name: to_dn(value, p.baseline) for name, value in physical.items()}
    stored["scl"] = classify(physical, cloud, shadow)
    return stored, seen


def to_dn(reflectance: Grid, baseline: str) -> NDArray[np.uint16]:
    """Digital numbers of a baseline: ρ × 10000, plus 1000 since 04.00; 0 is kept for "no data"."""
    offset = 1000 if baseline >= NEW_BASELINE else 0
    return np.asarray(np.clip(np.rint(reflectance * 10000) + offset, 1, 65535), np.uint16)
