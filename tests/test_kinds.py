"""Kinds of change by their physics: reflectances and echoes of what was there, and of what came in its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changedet.effects import Effect, Effects
from changedet.kinds import Kind, classify

BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
SAND = (0.12, 0.17, 0.23, 0.29, 0.36, 0.33)
"""Dry desert soil: brighter with the wavelength up to 1.6 µm."""
ROOF = (0.40, 0.41, 0.42, 0.43, 0.40, 0.36)
"""A white roof: as bright in every band."""
CROP = (0.03, 0.06, 0.04, 0.45, 0.20, 0.10)
"""Leaves: red absorbed by chlorophyll, near infrared scattered by cells, 2.2 µm absorbed by their water."""
CHAR = (0.04, 0.045, 0.05, 0.08, 0.16, 0.20)
ASH = (0.07, 0.08, 0.08, 0.10, 0.20, 0.26)
"""Paler than char, and than the leaves that burnt."""
BASALT = (0.06, 0.07, 0.08, 0.12, 0.18, 0.20)
"""Dark soil."""
STEPPE = (0.12, 0.17, 0.16, 0.29, 0.36, 0.33)
"""Sand with a little dry grass: NDVI 0.29."""
WATER = (0.05, 0.06, 0.03, 0.01, 0.005, 0.005)
GRAVEL = (0.22, 0.27, 0.33, 0.39, 0.46, 0.43)
"""Freshly levelled: a tenth brighter in every band, of the same colour."""
SOOTED = (0.04, 0.06, 0.08, 0.10, 0.12, 0.11)
"""Sand under a film of soot: a third of it in every band."""
FLAME = (0.12, 0.17, 0.23, 0.30, 0.60, 1.00)
"""Sand with a flare of some 1500 K in the pixel: the shorter the wavelength, the less it adds."""

Spectrum = tuple[float, ...]


def effect(before: float, after: float, ring: tuple[float, float] = (0.0, 0.0), noise: float = 0.01) -> Effect:
    return Effect(before, after, *ring, noise)


def index(spectrum: Spectrum, high: str, low: str) -> float:
    a, b = spectrum[BANDS.index(high)], spectrum[BANDS.index(low)]
    return (a - b) / (a + b)


def distance(one: Spectrum, other: Spectrum) -> float:
    return float((sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) / len(one)) ** 0.5)


def seen(
    before: Spectrum, after: Spectrum, ring: Spectrum = SAND, texture: float = 0.0, season: float = 1.0
) -> Effects:
    """Optical effects of a place that turns from one spectrum into another amid ground that keeps its own.

    Parameters
    ----------
    texture : change of ln of the standard deviation within the place
    season : by which every reflectance, of the place and of its ring, differs on the later date
    """
    later, ring_later = tuple(season * r for r in after), tuple(season * r for r in ring)
    found = {name: effect(before[i], later[i], (ring[i], ring_later[i])) for i, name in enumerate(BANDS)}
    for name, part in {"albedo": slice(None), "visible": slice(3)}.items():
        levels = [sum(spectrum[part]) / len(spectrum[part]) for spectrum in (before, later, ring, ring_later)]
        found[name] = effect(levels[0], levels[1], (levels[2], levels[3]))
    for name, (high, low) in {"ndvi": ("nir", "red"), "ndwi": ("green", "nir"), "nbr": ("nir", "swir22")}.items():
        levels = [index(spectrum, high, low) for spectrum in (before, later, ring, ring_later)]
        found[name] = effect(levels[0], levels[1], (levels[2], levels[3]), 0.04)
    found["contrast"] = effect(distance(before, ring), distance(later, ring_later))
    found["texture"] = effect(-3.0, -3.0 + texture, noise=0.1)
    return found


def echo(before: float, after: float, ring: float = -12.0) -> Effects:
    """VV in dB, and VH 7 dB below it, as over buildings and soil."""
    return {
        name: effect(before - below, after - below, (ring - below, ring - below), 0.5)
        for name, below in (("vv", 0.0), ("vh", 7.0))
    }


PHYSICS: list[tuple[Kind, Effects]] = [
    ("structure removed", seen(ROOF, SAND, texture=-1.0)),
    ("structure built", seen(SAND, ROOF, texture=1.0)),
    ("burnt or sooted", seen(CROP, CHAR, ring=CROP)),
    ("burnt or sooted", seen(SAND, CHAR)),
    ("burnt or sooted", seen(SAND, SOOTED)),
    ("burnt or sooted", seen(CROP, ASH, ring=CROP)),
    ("vegetation", seen(SAND, CROP)),
    ("vegetation", seen(CROP, SAND, ring=CROP)),
    # harvested on dark soil: darker in the infrared, as if burnt, but like the soil around it
    ("vegetation", seen(CROP, BASALT, ring=BASALT)),
    ("flooded", seen(SAND, WATER)),
    ("flooded", seen(CROP, WATER, ring=CROP)),
    ("ground worked", seen(SAND, GRAVEL)),
    ("flare lit", seen(SAND, FLAME)),
    ("flare out", seen(FLAME, SAND)),
    # walls gone: the double bounce of −4 dB falls to the −12 dB of the soil; and the reverse
    ("structure removed", echo(-4, -12)),
    ("structure built", echo(-12, -4)),
    # open water mirrors the radar away: −20 dB where land had −11
    ("flooded", echo(-11, -20)),
]


@pytest.mark.parametrize(("kind", "effects"), PHYSICS)
def test_what_each_change_looks_like(kind: Kind, effects: Effects) -> None:
    assert classify(effects) == kind


@pytest.mark.parametrize("spectrum", [SAND, ROOF, CROP, CHAR, WATER, GRAVEL])
def test_what_stays_is_no_kind_of_change(spectrum: Spectrum) -> None:
    assert classify(seen(spectrum, spectrum)) == "unknown"


@given(st.sampled_from(["removed", "built", "burnt", "sown", "flooded"]), st.floats(0.85, 1.15))
def test_a_brighter_or_darker_season_changes_no_kind(what: str, season: float) -> None:
    cases = {
        "removed": (ROOF, SAND, -1.0), "built": (SAND, ROOF, 1.0), "burnt": (SAND, CHAR, 0.0),
        "sown": (SAND, CROP, 0.0), "flooded": (SAND, WATER, 0.0),
    }  # fmt: skip
    before, after, texture = cases[what]
    assert classify(seen(before, after, texture=texture, season=season)) == classify(
        seen(before, after, texture=texture)
    )


def test_both_sensors_must_agree_on_a_structure() -> None:
    gone = seen(ROOF, SAND, texture=-1.0)
    assert classify({**gone, **echo(-4, -12)}) == "structure removed"
    # the roof is another colour, but its walls still answer
    assert classify({**gone, **echo(-4, -4)}) != "structure removed"
    # the echo falls, but what is seen from above has not come nearer to the soil
    assert classify({**seen(ROOF, ROOF), **echo(-4, -12)}) != "structure removed"


def test_an_echo_that_rises_over_an_unchanged_roof_is_nothing_built() -> None:
    assert classify({**seen(ROOF, ROOF), **echo(-12, -4)}) != "structure built"


def test_a_roof_that_only_fades_is_still_there() -> None:
    # two thirds of its contrast to the sand remain
    faded = tuple(soil + (roof - soil) * 2 / 3 for soil, roof in zip(SAND, ROOF, strict=True))
    assert classify(seen(ROOF, faded, texture=-1.0)) != "structure removed"


def test_a_little_grass_is_not_vegetation() -> None:
    assert classify(seen(SAND, STEPPE)) != "vegetation"


def test_soil_that_brightens_most_at_two_micrometres_is_no_flame() -> None:
    # it gains 0.05 at 1.6 µm and 0.08 at 2.2 µm, and is as bright in both: a flame would be brighter at 2.2 µm
    assert classify(seen(SAND, (*SAND[:4], 0.41, 0.41))) != "flare lit"


def test_ground_that_grows_brighter_and_rougher_is_not_levelled() -> None:
    # as far from its surroundings as before, so that it is no roof either
    between = tuple((sand + gravel) / 2 for sand, gravel in zip(SAND, GRAVEL, strict=True))
    assert classify(seen(SAND, GRAVEL, ring=between)) == "ground worked"
    assert classify(seen(SAND, GRAVEL, ring=between, texture=1.0)) == "unknown"


def test_polarisations_that_contradict_each_other_tell_no_structure() -> None:
    crossed = {"vv": echo(-4, -12)["vv"], "vh": echo(-12, -4)["vh"]}
    assert classify(crossed) == "unknown"


def test_an_echo_no_stronger_than_its_ring_was_no_structure() -> None:
    # bare soil that dries by 4 dB, having stood out by 1 dB only
    assert classify(echo(-11, -15)) == "unknown"


def test_wet_ground_seen_by_radar_alone_is_water_only_where_it_is_as_smooth_as_water() -> None:
    assert classify(echo(-11, -16)) != "flooded"
    assert classify(echo(-11, -18)) == "flooded"


def test_levelled_ground_that_answers_the_radar_like_walls_is_not_ground_worked() -> None:
    assert classify({**seen(SAND, GRAVEL), **echo(-12, -12)}) == "ground worked"
    assert classify({**seen(SAND, GRAVEL), **echo(-12, -9)}) != "ground worked"


def test_a_flare_needs_both_bands_of_the_short_wave_infrared() -> None:
    lit = {name: value for name, value in seen(SAND, FLAME).items() if name != "swir16"}
    assert classify(lit) != "flare lit"


def test_nothing_measured_is_unknown() -> None:
    assert classify({}) == "unknown"
