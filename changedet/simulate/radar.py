"""Sentinel-1 γ⁰ RTC of the simulated ground: walls, wetness, resolution, correlated speckle.

Layover and radar shadow are left out: after terrain correction a 10 m high structure displaces its echo by about one
resolution cell only.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from changedet.scene import RADAR_BANDS, OrbitDirection
from changedet.simulate.blur import Blur, line_weights
from changedet.simulate.scenario import Pass, Simulation, leaf_cover, moisture, rain_days
from changedet.simulate.surface import BACKSCATTER, Grid, Surface, Terrain

LOOK: dict[OrbitDirection, float] = {"ascending": 78.0, "descending": 282.0}
"""Azimuth in degrees in which the right-looking radar looks."""
RANGE_RESOLUTION, AZIMUTH_RESOLUTION = 20.0, 22.0
"""Metres, full width at half maximum (GRD IW)."""
LOOK_WEIGHTS = (1.0, 1.0, 1.0, 1.0, 0.2207)
"""Weights w of independent looks; (Σw)²/Σw² = 4.4 equivalent looks."""
COHERENCE = 0.44
"""From one pass to the next; speckle intensities then correlate by its square, 0.19 as measured at 12 days."""
WALL_RETURN = (20.0, 2.2)
"""Linear γ⁰ of VV and VH on the foot of a 10 m wall that faces the radar."""
WET_GAIN_DB = (4.0, 3.0)
FWHM = 2 * math.sqrt(2 * math.log(2))


def wall_return(height: Grid, direction: OrbitDirection) -> Grid:
    """γ⁰ (2, rows, columns) that walls add: double bounce, strong only where a wall squarely faces the radar.

    The height's gradient points into the wall; its part along the look direction, to the sixth power of the cosine,
    is the fall-off with the wall's orientation (cf. Ferro et al. 2011, where it is steep within some ten degrees).
    """
    azimuth = math.radians(LOOK[direction])
    down, right = np.gradient(gaussian_filter(height, 1.0))
    slope = np.hypot(down, right)
    along = right * math.sin(azimuth) - down * math.cos(azimuth)
    facing = np.clip(along / np.maximum(slope, 1e-6), 0, 1) ** 6
    strength = slope / 10 * facing
    return np.stack([np.float32(gain) * strength for gain in WALL_RETURN]).astype(np.float32)


def sampling(simulation: Simulation) -> Blur:
    """The radar's resolution on the 10 m grid."""
    size = simulation.size_m
    return Blur(line_weights(size, 10, AZIMUTH_RESOLUTION / FWHM), line_weights(size, 10, RANGE_RESOLUTION / FWHM))


class Speckle:
    """Multiplicative speckle of mean 1, correlated over the resolution cell and from pass to pass.

    Each look is a circular Gaussian field smoothed to the resolution; intensities of weighted looks add up.
    """

    def __init__(self, rng: np.random.Generator, side: int) -> None:
        """For images of ``side`` × ``side`` pixels of 10 m."""
        self._rng, self._side = rng, side
        # an intensity response of this full width belongs to an amplitude response √2 as wide
        self._sigma = tuple(math.sqrt(2) * r / FWHM / 10 for r in (AZIMUTH_RESOLUTION, RANGE_RESOLUTION))
        self._state = self._fresh()

    def _fresh(self) -> Grid:
        white = self._rng.standard_normal((2, len(LOOK_WEIGHTS), 2, self._side, self._side), np.float32)
        field = gaussian_filter(white, (0, 0, 0, *self._sigma), mode="wrap", truncate=3.0)
        # white noise of variance 1 through a Gaussian of σ has variance 1/(4πσ₁σ₂), but for sampling
        unit = np.zeros((self._side, self._side), np.float32)
        unit[self._side // 2, self._side // 2] = 1
        kernel = gaussian_filter(unit, self._sigma, mode="wrap", truncate=3.0)
        return np.asarray(field / math.sqrt(float((kernel**2).sum())), np.float32)

    def next(self) -> Grid:
        """(2, side, side): speckle of VV and VH of the next pass."""
        weights = np.array(LOOK_WEIGHTS, np.float32) / (2 * sum(LOOK_WEIGHTS))
        power = np.einsum("plcyx,plcyx,l->pyx", self._state, self._state, weights)
        self._state = np.float32(COHERENCE) * self._state + np.float32(math.sqrt(1 - COHERENCE**2)) * self._fresh()
        return np.asarray(power, np.float32)


class Track:
    """The passes of one relative orbit, to be rendered in order of time."""

    def __init__(self, simulation: Simulation, terrain: Terrain, orbit: int, direction: OrbitDirection) -> None:
        """For one relative orbit."""
        self._simulation, self._terrain, self._direction = simulation, terrain, direction
        self._speckle = Speckle(simulation.rng(20, orbit), simulation.size_m // 10)
        self._rain = rain_days(simulation)
        self._blur = sampling(simulation)
        self._surface: Surface | None = None
        self._walls = self._thirst = np.zeros((0,), np.float32)

    def _look_at(self, surface: Surface) -> None:
        """Bring what stays until the next event to the radar's resolution."""
        if surface is self._surface:
            return
        self._surface = surface
        self._walls = np.stack([self._blur(walls) for walls in wall_return(surface.height, self._direction)])
        self._thirst = self._blur(surface.thirst)

    def _leafy(self, surface: Surface, p: Pass, pol: int) -> Grid:
        """γ⁰ on the fine grid with the leaves of the day on the fields."""
        gamma = surface.gamma[pol].copy()
        cells = np.flatnonzero(surface.fields)
        cover = np.array([0.0, *leaf_cover(self._simulation, self._terrain.fields, p.time)], np.float32)
        leaves = np.float32(10 ** (BACKSCATTER["leaves"][pol] / 10))
        flat = gamma.ravel()
        flat[cells] += cover[surface.fields.ravel()[cells]] * (leaves - flat[cells])
        return np.asarray(gamma, np.float32)

    def render(self, surface: Surface, p: Pass) -> dict[str, NDArray]:
        """The next pass: float32 ``vv`` and ``vh``, γ⁰ in linear power at 10 m."""
        self._look_at(surface)
        wet = moisture(self._rain, p.time)
        calibration = 10 ** (self._simulation.rng(21, p.relative_orbit, p.number).normal(0, 0.12) / 10)
        grain = self._speckle.next()
        out: dict[str, NDArray] = {}
        for pol, name in enumerate(RADAR_BANDS):
            wetter = 10 ** (WET_GAIN_DB[pol] * wet * self._thirst / 10)
            ground = self._blur(self._leafy(surface, p, pol)) * wetter * grain[pol]
            # a wall is a few strong scatterers that hardly interfere with each other
            walls = self._walls[pol] * (1 + 0.3 * (grain[pol] - 1))
            out[name] = np.asarray(np.maximum((ground + walls) * calibration, 1e-5), np.float32)
        return out
