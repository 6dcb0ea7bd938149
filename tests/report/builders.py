"""A small Evidence whose every pixel is known: a desert depot, three changes, twelve optical and ten radar dates.

``make_evidence()`` is deterministic. The truth of the place is in ``CHANGES``: rows and columns of each change, so
that a test can say what a file made from it must show.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from odc.geo.geom import box

from changedet.evidence import Dropped, Evidence, Provenance
from changedet.regions import Detection, Kind, Onset
from changedet.scene import Asset, Failure, Scene
from changedet.site import Circle, DetectSpec, Period, SensorSpec, Site, Zone
from changedet.stack import Layer, build_stack, change_map, site_geobox
from changedet.values import SourceConfig
from changedet.verdict import Verdict

OPTICAL_KEY = "sentinel-2"
RADAR_KEY = "sentinel-1-orbit-137"
CENTER = (40.30944, 35.33611)
BEFORE = Period(first=date(2024, 6, 1), last=date(2025, 2, 28))
AFTER = Period(first=date(2025, 3, 1), last=date(2025, 6, 30))

OPTICAL_TIMES = tuple(
    datetime.fromisoformat(f"{day}T08:06:{21 + i}+00:00")
    for i, day in enumerate(
        [
            "2024-06-09",
            "2024-07-19",
            "2024-09-07",
            "2024-11-06",
            "2025-01-05",
            "2025-02-14",
            "2025-03-11",
            "2025-03-26",
            "2025-04-10",
            "2025-05-05",
            "2025-06-04",
            "2025-06-29",
        ]
    )
)
RADAR_TIMES = tuple(
    datetime.fromisoformat(f"{day}T14:58:{17 + i}+00:00")
    for i, day in enumerate(
        [
            "2024-08-01",
            "2024-09-06",
            "2024-10-12",
            "2024-11-17",
            "2025-01-04",
            "2025-02-09",
            "2025-03-17",
            "2025-04-10",
            "2025-05-16",
            "2025-06-09",
        ]
    )
)
CLOUDED = {2: 0.45, 5: 1.0, 11: 0.3}
"""Optical dates that are clouded, by index, and the share of columns (from the west) that the cloud hides."""

HOSTILE_NAMES = (
    "<script>alert(\"1\")</script> & 'depot' ]]>",
    "\u202eمستودع الوقود\u202c \u200f🔥🛢️ \U000e0041 tanks\x7f",
    "../../etc/passwd %s {0} " + "very long name " * 12,
)
PLAIN_NAMES = ("Fuel depot", "Command installation", "New pad")


@dataclass(frozen=True)
class Change:
    """One true change: where, and when it is first seen."""

    rows: slice
    cols: slice
    kind: Kind
    before: NDArray[np.float32]
    after: NDArray[np.float32]
    gamma0: tuple[float, float]
    """VV before and after, linear power."""
    first_after: int
    """Index of the first optical date that shows it."""


def spectrum(*values: float) -> NDArray[np.float32]:
    """Reflectance of blue, green, red, nir, swir16, swir22."""
    return np.array(values, np.float32)


SAND = spectrum(0.16, 0.22, 0.30, 0.36, 0.43, 0.38)
ROOF = spectrum(0.46, 0.48, 0.50, 0.52, 0.50, 0.46)
TANK = spectrum(0.62, 0.63, 0.64, 0.62, 0.55, 0.50)
SOOT = spectrum(0.05, 0.06, 0.07, 0.09, 0.14, 0.15)
RUBBLE = spectrum(0.21, 0.26, 0.32, 0.37, 0.41, 0.37)
FIELD = spectrum(0.05, 0.09, 0.07, 0.42, 0.22, 0.12)
ROAD = spectrum(0.10, 0.12, 0.14, 0.17, 0.20, 0.19)

CHANGES = (
    Change(slice(30, 42), slice(24, 40), "burnt or sooted", TANK, SOOT, (1.4, 0.12), 6),
    Change(slice(60, 68), slice(70, 84), "structure removed", ROOF, RUBBLE, (0.9, 0.15), 7),
    Change(slice(78, 86), slice(30, 40), "structure built", SAND, ROOF, (0.06, 0.7), 9),
)
BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")


class BuilderSource(SourceConfig):
    """A source that opens nothing."""

    kind: str = "stac"
    catalog: str = "catalog.json"


def make_site(*, hostile: bool = False) -> Site:
    """A site of 1.2 km × 1.2 km about the plant, with one zone a change."""
    names = HOSTILE_NAMES if hostile else PLAIN_NAMES
    geobox = make_geobox()
    zones = tuple(
        Zone(name=name[:200], kind=kind, polygon=_ring(change.rows, change.cols, geobox, margin=2), note=name[:200])
        for name, kind, change in zip(names, ("fuel depot", "command installation", "other"), CHANGES, strict=True)
    )
    return Site(
        id="conoco-test",
        name=HOSTILE_NAMES[0] + HOSTILE_NAMES[1] if hostile else "Conoco gas plant",
        ring=Circle(center=CENTER, radius=600).ring(),
        resolution=10,
        source=BuilderSource(kind="stac"),
        sensors={"sentinel-2": SensorSpec(collection="sentinel-2-l2a"), "sentinel-1": SensorSpec()},
        before=BEFORE,
        after=AFTER,
        detect=DetectSpec(),
        zones=zones,
    )


def make_geobox() -> GeoBox:
    """The grid of the site: UTM 37N, 10 m, about 121 × 121 px."""
    return site_geobox(Circle(center=CENTER, radius=600).ring(), 10)


def make_evidence(
    *, hostile: bool = False, optical: bool = True, radar: bool = True, simulated: bool = True
) -> Evidence:
    """The whole Evidence of a run over the depot.

    Parameters
    ----------
    hostile : names, notes and scene ids that try to break out of HTML, XML, file names and fonts
    optical, radar : leave a sensor out
    simulated : marks every scene as simulated
    """
    geobox = make_geobox()
    stacks: dict[str, xr.Dataset] = {}
    if optical:
        stacks[OPTICAL_KEY] = optical_stack(geobox, simulated=simulated, hostile=hostile)
    if radar:
        stacks[RADAR_KEY] = radar_stack(geobox, simulated=simulated)
    maps = {key: _change(stack) for key, stack in stacks.items()}
    scenes = tuple(
        sorted((s for stack in stacks.values() for s in _scenes(stack, simulated)), key=lambda s: (s.time, s.id))
    )
    bad_id = HOSTILE_NAMES[0] if hostile else "S2A_37SFU_20240819"
    first = next(iter(stacks.values()))
    return Evidence(
        site=make_site(hostile=hostile),
        scenes=scenes,
        stacks=stacks,
        maps=maps,
        change=_change(first),
        detections=_detections(stacks, hostile=hostile),
        verdicts=_verdicts(hostile=hostile),
        failures=(Failure(scene=bad_id, asset="nir", reason="the file is truncated: 1024 of 40960 bytes"),),
        dropped=(Dropped(scene="S2B_37SFU_20241206", reason="clear over 3 % of the area"),),
        provenance=Provenance(
            run_id="20250701T000000-abcdef12",
            started=datetime(2025, 7, 1, 9, 30, tzinfo=UTC),
            versions={"changedet": "0.1.0", "numpy": "2.4.6"},
            parameters={"detect": {"false_alarm_rate": 0.01}, "resolution": 10.0},
            seed=20250701,
            timings={"search": 0.4, "fetch": 12.5, "detect": 3.25},
            downloads={"requests": 84, "bytes": 7_340_032},
        ),
        notes=(HOSTILE_NAMES[1] if hostile else "The offset of 1 scene was corrected by its baseline.",),
        checksums={f"{s.id}/{name}": f"{i:064x}" for i, s in enumerate(scenes) for name in s.assets},
    )


def optical_stack(geobox: GeoBox, *, simulated: bool = True, hostile: bool = False) -> xr.Dataset:
    """Twelve dates of six bands: sand, a road, a field with seasons, and ``CHANGES``; clouds of ``CLOUDED``."""
    rng = np.random.default_rng(7)
    layers = []
    for i, time in enumerate(OPTICAL_TIMES):
        image = _ground(geobox, time, i)
        image = image + rng.normal(0, 0.004, image.shape).astype(np.float32)
        if i in CLOUDED:
            image[:, :, : round(CLOUDED[i] * geobox.shape[1])] = np.nan
        name = HOSTILE_NAMES[2][:200] if hostile and i == 0 else f"S2{'AB'[i % 2]}_37SFU_{time:%Y%m%d}_0_L2A"
        layers.append(
            Layer(
                time=time,
                scene_id=name,
                platform=f"sentinel-2{'ab'[i % 2]}",
                relative_orbit=78,
                bands=dict(zip(BANDS, np.clip(image, 0.001, 1.2).astype(np.float32), strict=True)),
            )
        )
    return build_stack(layers, geobox, sensor="sentinel-2", key=OPTICAL_KEY, simulated=simulated)


def radar_stack(geobox: GeoBox, *, simulated: bool = True) -> xr.Dataset:
    """Ten dates of VV and VH, gamma0 in linear power, 4.4 looks of speckle."""
    rng = np.random.default_rng(11)
    layers = []
    for time in RADAR_TIMES:
        vv = np.full(geobox.shape, 0.06, np.float32)
        for change in CHANGES:
            shown = time >= OPTICAL_TIMES[change.first_after]
            vv[change.rows, change.cols] = change.gamma0[1 if shown else 0]
        bands = {
            name: (vv * factor * rng.gamma(4.4, 1 / 4.4, vv.shape)).astype(np.float32)
            for name, factor in (("vv", 1.0), ("vh", 0.18))
        }
        bands["vv"][:3, :3] = np.nan
        layers.append(
            Layer(
                time=time,
                scene_id=f"S1A_IW_GRDH_{time:%Y%m%dT%H%M%S}",
                platform="sentinel-1a",
                relative_orbit=137,
                bands=bands,
            )
        )
    return build_stack(layers, geobox, sensor="sentinel-1", key=RADAR_KEY, simulated=simulated)


def _ground(geobox: GeoBox, time: datetime, index: int) -> NDArray[np.float32]:
    """Reflectance of one date without noise, bands first."""
    rows, cols = geobox.shape
    texture = np.random.default_rng(3).normal(0, 0.012, (rows, cols)).astype(np.float32)
    image = SAND[:, None, None] * (1 + texture)[None]
    image[:, :, 52:55] = ROAD[:, None, None]
    image[:, 48:50, :] = ROAD[:, None, None]
    season = np.float32(0.5 + 0.5 * np.cos(2 * np.pi * (time.timetuple().tm_yday - 60) / 365))
    field = FIELD * season + SAND * (1 - season)
    image[:, 94:114, 84:116] = field[:, None, None]
    for change in CHANGES:
        shown = change.after if index >= change.first_after else change.before
        image[:, change.rows, change.cols] = shown[:, None, None]
    return image.astype(np.float32)


def _change(stack: xr.Dataset) -> xr.Dataset:
    """The ChangeMap that a perfect detector would give; the north-west corner was never seen."""
    shape = stack.valid.shape[1:]
    rng = np.random.default_rng(5)
    score = rng.chisquare(6, shape)
    p_value = rng.uniform(0.02, 1, shape)
    changed = np.zeros(shape, bool)
    onset_after = np.full(shape, np.datetime64("NaT"), "datetime64[ns]")
    onset_before = onset_after.copy()
    for change in CHANGES:
        box_ = (change.rows, change.cols)
        changed[box_] = True
        score[box_] = 60 + 10 * change.first_after
        p_value[box_] = 1e-4
        onset_after[box_] = np.datetime64(OPTICAL_TIMES[change.first_after - 1].replace(tzinfo=None), "ns")
        onset_before[box_] = np.datetime64(OPTICAL_TIMES[change.first_after].replace(tzinfo=None), "ns")
    observable = np.ones(shape, bool)
    observable[:8, :12] = False
    before = stack.time.values < np.datetime64("2025-03-01")
    valid = stack.valid.values
    return change_map(
        stack,
        {
            "score": score,
            "p_value": p_value,
            "changed": changed,
            "observable": observable,
            "n_before": valid[before].sum(0),
            "n_after": valid[~before].sum(0),
            "onset_after": onset_after,
            "onset_before": onset_before,
        },
        detector="builder",
    )


def _ring(rows: slice, cols: slice, geobox: GeoBox, margin: int = 0) -> tuple[tuple[float, float], ...]:
    """The corners of a block of pixels in longitude, latitude; not closed."""
    west, north = geobox.affine @ (cols.start - margin, rows.start - margin)
    east, south = geobox.affine @ (cols.stop + margin, rows.stop + margin)
    ring = box(west, south, east, north, geobox.crs).to_crs("EPSG:4326")
    return tuple((float(x), float(y)) for x, y in ring.exterior.points[:0:-1])


def _detections(stacks: dict[str, xr.Dataset], *, hostile: bool) -> tuple[Detection, ...]:
    geobox = make_geobox()
    names = HOSTILE_NAMES if hostile else PLAIN_NAMES
    found = []
    for number, (name, change) in enumerate(zip(names, CHANGES, strict=True), start=1):
        ring = _ring(change.rows, change.cols, geobox)
        directions: dict[str, dict[str, float]] = {}
        if OPTICAL_KEY in stacks:
            shift = change.after - change.before
            directions[OPTICAL_KEY] = {b: round(float(v), 4) for b, v in zip(BANDS, shift, strict=True)}
        if RADAR_KEY in stacks:
            step = round(10 * float(np.log10(change.gamma0[1] / change.gamma0[0])), 2)
            directions[RADAR_KEY] = {"vv": step, "vh": step}
        pixels = (change.rows.stop - change.rows.start) * (change.cols.stop - change.cols.start)
        first = stacks.get(OPTICAL_KEY, next(iter(stacks.values())))
        shown = first.time.values >= np.datetime64(OPTICAL_TIMES[change.first_after].replace(tzinfo=None), "ns")
        found.append(
            Detection(
                number=number,
                polygon={"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
                area=pixels * 100.0,
                centroid=(sum(p[0] for p in ring) / 4, sum(p[1] for p in ring) / 4),
                score=60.0 + 10 * change.first_after,
                p_value=1e-4 * number,
                onset=Onset(after=OPTICAL_TIMES[change.first_after - 1], before=OPTICAL_TIMES[change.first_after]),
                kind=change.kind,
                directions=directions,
                scenes=tuple(str(s) for s in first.scene_id.values[shown]),
                zone=name[:200],
            )
        )
    return tuple(found)


def _verdicts(*, hostile: bool) -> tuple[Verdict, ...]:
    names = HOSTILE_NAMES if hostile else PLAIN_NAMES
    return (
        Verdict(
            subject=names[0][:200],
            outcome="supported",
            sentence="Change consistent with burning between 2025-02-14 and 2025-03-11.",
            p_intact=0.005,
            p_claimed=0.6,
            power=0.97,
            smallest_diameter=14.0,
        ),
        Verdict(
            subject=names[1][:200],
            outcome="inconclusive",
            sentence="Too few clear images after the date claimed.",
            reasons=("clouded", "below-detection-limit"),
            p_intact=0.2,
            power=0.4,
            smallest_diameter=31.0,
        ),
    )


def _scenes(stack: xr.Dataset, simulated: bool) -> list[Scene]:
    """One Scene a date, as the catalogue would have published it."""
    optical = stack.attrs["sensor"] == "sentinel-2"
    west, south, east, north = make_site().bbox
    footprint = ((west, south), (east, south), (east, north), (west, north), (west, south))
    bands = [str(name) for name in stack.data_vars if name != "valid"]
    scenes = []
    for i, scene_id in enumerate(stack.scene_id.values):
        time = stack.time.values[i].astype("datetime64[us]").item().replace(tzinfo=UTC)
        assets = {b: Asset(href=f"https://example.org/{time:%Y%m%d}/{b}.tif", scale=1e-4) for b in bands}
        scenes.append(
            Scene(
                source="catalog.json",
                id=str(scene_id),
                time=time,
                sensor=stack.attrs["sensor"],
                platform=str(stack.platform.values[i]),
                collection="sentinel-2-l2a" if optical else "sentinel-1-rtc",
                relative_orbit=int(stack.relative_orbit.values[i]),
                orbit_direction="descending" if optical else "ascending",
                level="L2A" if optical else "RTC",
                baseline="05.11" if optical else None,
                tile="37SFU" if optical else None,
                footprint=footprint,
                cloud_share=100 * CLOUDED.get(i, 0.0) if optical else None,
                assets=assets,
                simulated=simulated,
            )
        )
    return scenes
