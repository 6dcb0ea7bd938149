"""The ground on a 2.5 m grid: reflectance, heights and backscatter, in the state of one day.

Rows run southward, columns eastward. Nothing here knows of sensors' resolution or noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize
from shapely.geometry import LineString
from shapely.geometry.base import BaseGeometry

from changedet.simulate.facility import SCAR_MARGIN, SOOT_MARGIN, Structure
from changedet.simulate.layout import FLARE, Field, default_backdrop, default_fields
from changedet.simulate.scenario import SUBPIXEL, Simulation

Grid = NDArray[np.float32]

REFLECTANCE: dict[str, tuple[float, ...]] = {
    #                blue   green  red    nir    swir16 swir22
    "soil": (0.165, 0.222, 0.292, 0.345, 0.420, 0.378),
    "pavement": (0.118, 0.156, 0.202, 0.242, 0.300, 0.275),
    "gravel": (0.215, 0.262, 0.312, 0.342, 0.378, 0.342),
    "worked ground": (0.188, 0.245, 0.312, 0.358, 0.415, 0.374),
    "track": (0.200, 0.262, 0.338, 0.395, 0.468, 0.424),
    "asphalt": (0.085, 0.098, 0.112, 0.128, 0.150, 0.142),
    "concrete": (0.265, 0.305, 0.340, 0.365, 0.375, 0.345),
    "tank roof": (0.540, 0.565, 0.570, 0.555, 0.470, 0.410),
    "metal roof": (0.330, 0.350, 0.365, 0.385, 0.390, 0.350),
    "steel lattice": (0.110, 0.115, 0.120, 0.140, 0.180, 0.170),
    "dark steel": (0.095, 0.100, 0.110, 0.130, 0.170, 0.160),
    "oily ground": (0.070, 0.080, 0.092, 0.110, 0.150, 0.150),
    "berm": (0.150, 0.205, 0.270, 0.320, 0.390, 0.350),
    "pond": (0.075, 0.090, 0.075, 0.045, 0.020, 0.015),
    "rubble": (0.150, 0.195, 0.250, 0.295, 0.345, 0.320),
    "soot": (0.050, 0.053, 0.058, 0.066, 0.095, 0.105),
    "wadi": (0.192, 0.250, 0.322, 0.375, 0.440, 0.394),
    "leaves": (0.035, 0.070, 0.040, 0.440, 0.215, 0.105),
    "stubble": (0.112, 0.155, 0.212, 0.285, 0.350, 0.300),
}
"""Bottom-of-atmosphere reflectance by material, bands in the order of ``scene.OPTICAL_BANDS``."""

BACKSCATTER: dict[str, tuple[float, float]] = {
    "soil": (-14.5, -23.5),
    "pavement": (-12.0, -21.5),
    "gravel": (-12.5, -21.5),
    "worked ground": (-13.5, -22.5),
    "track": (-17.0, -25.5),
    "asphalt": (-19.0, -27.0),
    "concrete": (-17.5, -26.0),
    "tank roof": (-17.0, -26.0),
    "metal roof": (-11.0, -20.0),
    "steel lattice": (-6.0, -14.0),
    "dark steel": (-3.0, -12.0),
    "oily ground": (-13.5, -23.0),
    "berm": (-11.0, -20.0),
    "pond": (-21.0, -28.5),
    "rubble": (-9.5, -17.0),
    "soot": (-13.0, -22.0),
    "wadi": (-13.5, -22.0),
    "leaves": (-10.5, -16.5),
    "stubble": (-13.0, -21.0),
}
"""γ⁰ in dB (VV, VH) of the material without walls."""

DRY = ("asphalt", "tank roof", "metal roof", "steel lattice", "dark steel", "pond", "concrete")
"""Materials that rain neither darkens nor, for radar, brightens."""
LATTICE_COVER = 0.25
"""Share of light that a lattice mast stops, and of its subpixel that it covers."""


@dataclass(frozen=True, slots=True)
class Surface:
    """The ground from one event to the next."""

    reflectance: Grid
    """(6, rows, columns)"""
    height: Grid
    """Metres of opaque structures."""
    lattice: Grid
    """Metres of lattice masts."""
    thirst: Grid
    """0–1: how much the cell answers to rain."""
    gamma: Grid
    """(2, rows, columns): γ⁰ of VV and VH, linear power, without walls."""
    fields: NDArray[np.uint8]
    """0: none, else 1-based number of the field."""


def rough(rng: np.random.Generator, side: int, slope: float, longest: float) -> Grid:
    """Noise of mean 0 and variance 1 and an amplitude of frequency^-slope, level beyond ``longest`` cells."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :])
    amplitude = np.maximum(frequency, 1 / longest) ** -slope
    amplitude[0, 0] = 0
    spectrum = np.fft.rfft2(rng.standard_normal((side, side))) * amplitude
    noise = np.fft.irfft2(spectrum, s=(side, side))
    return np.asarray(noise / noise.std(), np.float32)


def local_transform(simulation: Simulation) -> Affine:
    """From columns and rows of the fine grid to metres east and north of the centre."""
    half = simulation.size_m / 2
    return Affine(SUBPIXEL, 0, -half, 0, -SUBPIXEL, half)


def burn(simulation: Simulation, outline: BaseGeometry) -> NDArray[np.bool_]:
    """Cells of the fine grid whose centre lies in the outline (metres from the centre)."""
    side = round(simulation.size_m / SUBPIXEL)
    mask = rasterize([(outline, 1)], (side, side), transform=local_transform(simulation), dtype="uint8")
    return np.asarray(mask, bool)


class Terrain:
    """Everything that no event touches, drawn once; ``at`` adds the structures of a day."""

    def __init__(self, simulation: Simulation) -> None:
        """Draw the desert, the fields, the roads and yards."""
        self.simulation = simulation
        side = round(simulation.size_m / SUBPIXEL)
        rng = simulation.rng(3)
        self._texture = 1 + 0.05 * rough(rng, side, 1.0, 60) + 0.035 * rough(rng, side, 0.3, 8)
        self._radar_texture = 10 ** (0.07 * rough(rng, side, 0.9, 80))
        stony = 1 / (1 + np.exp(-2.5 * (rough(rng, side, 1.5, 320) - 0.3)))
        self._reflectance = np.empty((6, side, side), np.float32)
        for band, (soil, stone) in enumerate(zip(REFLECTANCE["soil"], REFLECTANCE["pavement"], strict=True)):
            self._reflectance[band] = soil + (stone - soil) * 0.8 * stony
        self._gamma = np.empty((2, side, side), np.float32)
        for pol, (soil, stone) in enumerate(zip(BACKSCATTER["soil"], BACKSCATTER["pavement"], strict=True)):
            self._gamma[pol] = 10 ** ((soil + (stone - soil) * stony) / 10)
        self._thirst = np.ones((side, side), np.float32)
        self._fields = np.zeros((side, side), np.uint8)
        self._wadis(rng, side)
        self.fields: tuple[Field, ...] = default_fields()
        for number, field in enumerate(self.fields, start=1):
            inside = burn(simulation, field.outline)
            self._paint(self._reflectance, self._gamma, self._thirst, inside, "stubble")
            self._fields[inside] = number
        for ground in default_backdrop():
            self._paint(self._reflectance, self._gamma, self._thirst, burn(simulation, ground.outline), ground.material)

    def _wadis(self, rng: np.random.Generator, side: int) -> None:
        """Dry stream beds: braids of pale sand that swell and vanish, clear of the plant in the middle."""
        patchy = np.clip(0.55 + 0.35 * rough(rng, side, 1.2, 60), 0, 1)
        for start, drift, width in ((680.0, 0.22, 22.0), (-1120.0, 0.18, 14.0), (1060.0, -0.06, 10.0)):
            north = np.arange(-4000.0, 4001.0, 25.0)
            bends = np.convolve(np.cumsum(rng.standard_normal(north.size)) * 14, np.ones(5) / 5, mode="same")
            bends -= np.interp(north, [-1500, 0, 1500], np.interp([-1500, 0, 1500], north, bends))
            for _ in range(3):
                stray = np.convolve(rng.standard_normal(north.size), np.ones(8) / 3, mode="same") * 9
                braid = start + drift * north + bends + stray
                line = LineString(list(zip(braid, north, strict=True)))
                inside = burn(self.simulation, line.buffer(width * rng.uniform(0.15, 0.4)))
                share = patchy[inside]
                for band, value in enumerate(REFLECTANCE["wadi"]):
                    self._reflectance[band][inside] += share * (np.float32(value) - self._reflectance[band][inside])

    @staticmethod
    def _paint(reflectance: Grid, gamma: Grid, thirst: Grid, inside: NDArray[np.bool_], material: str) -> None:
        for band, value in enumerate(REFLECTANCE[material]):
            reflectance[band][inside] = value
        for pol, value in enumerate(BACKSCATTER[material]):
            gamma[pol][inside] = 10 ** (value / 10)
        thirst[inside] = 0.0 if material in DRY else 1.0

    def at(self, day: date) -> Surface:
        """The ground on one day, with the events up to and including it."""
        reflectance, gamma, thirst = self._reflectance.copy(), self._gamma.copy(), self._thirst.copy()
        height, lattice = np.zeros_like(thirst), np.zeros_like(thirst)
        demolished, burnt, absent = self._states(day)
        standing = sorted(self.simulation.all_structures, key=lambda s: (s.kind != "pad", s.height))
        for structure in standing:
            if structure.id in absent or structure.id in demolished:
                continue
            inside = burn(self.simulation, structure.footprint)
            if structure.kind == "mast":
                lattice[inside] = structure.height
                for band, value in enumerate(REFLECTANCE[structure.material]):
                    reflectance[band][inside] += LATTICE_COVER * (value - reflectance[band][inside])
                gamma[0][inside], gamma[1][inside] = (10 ** (v / 10) for v in BACKSCATTER[structure.material])
                continue
            self._paint(reflectance, gamma, thirst, inside, structure.material)
            height[inside] = structure.height
        for structure in standing:
            if structure.id in demolished:
                self._scar(structure, (reflectance, gamma, thirst), height)
            elif structure.id in burnt:
                self._soot(structure, (reflectance, gamma, thirst))
        reflectance *= np.where(thirst > 0, self._texture, 1 + 0.3 * (self._texture - 1))
        gamma *= self._radar_texture
        return Surface(reflectance, height, lattice, thirst, gamma, self._fields)

    def _states(self, day: date) -> tuple[set[str], set[str], set[str]]:
        """Ids of what is demolished, burnt, and not yet built on a day."""
        done: dict[str, set[str]] = {"demolish": set(), "burn": set(), "build": set()}
        waiting: set[str] = set()
        for event in self.simulation.all_events:
            if event.on <= day:
                done[event.action].update(event.structures)
            elif event.action == "build":
                waiting.update(event.structures)
        return done["demolish"], done["burn"], waiting

    def _scar(self, structure: Structure, layers: tuple[Grid, Grid, Grid], height: Grid) -> None:
        """Rubble where it stood and, for all but masts, close around it; soot in the middle of a tank."""
        if structure.kind == "mast":
            return
        margin = burn(self.simulation, structure.footprint.buffer(SCAR_MARGIN)) & (height == 0)
        self._paint(*layers, margin, "worked ground" if structure.kind == "pad" else "rubble")
        if structure.kind == "tank":
            core = structure.footprint.buffer(-structure.length / 4)
            self._paint(*layers, burn(self.simulation, core) & (height == 0), "oily ground")

    def _soot(self, structure: Structure, layers: tuple[Grid, Grid, Grid]) -> None:
        """Soot on the roof and around it; the walls still stand."""
        around = burn(self.simulation, structure.footprint.buffer(SOOT_MARGIN))
        inside = burn(self.simulation, structure.footprint)
        gamma = layers[1].copy()
        self._paint(*layers, around, "soot")
        layers[1][:, inside] = gamma[:, inside]


def flare_cells(simulation: Simulation) -> tuple[slice, slice] | None:
    """The 5 m × 5 m under the flare's flame on the fine grid; None where it lies outside."""
    side = round(simulation.size_m / SUBPIXEL)
    column = round((FLARE[0] + simulation.size_m / 2) / SUBPIXEL)
    row = round((simulation.size_m / 2 - FLARE[1]) / SUBPIXEL)
    if not (1 <= row < side - 1 and 1 <= column < side - 1):
        return None
    return slice(row - 1, row + 1), slice(column - 1, column + 1)
