"""What really happened (``truth.geojson``) and the site file that asks about it (``site.yaml``)."""

from __future__ import annotations

import json
import math
from datetime import date, timedelta
from typing import Any

from pyproj import Transformer
from shapely import set_precision
from shapely import transform as transform_geometry
from shapely.geometry import box, mapping
from shapely.geometry.base import BaseGeometry

from changedet.simulate.facility import Event, Structure
from changedet.simulate.layout import default_fields
from changedet.simulate.scenario import EPSG, HARVEST_EARLY, Simulation, optical_passes, rain_days

SITE_ID = "simulated-facility"
SITE_NAME = "Simulated desert oil facility"
MARGIN = 40
"""Metres between the site's circle and the edge of the archive."""


def to_lonlat(simulation: Simulation, outline: BaseGeometry) -> BaseGeometry:
    """From metres east and north of the centre to EPSG:4326, at about a centimetre."""
    east, north = simulation.middle
    to_geographic = Transformer.from_crs(f"EPSG:{EPSG}", "EPSG:4326", always_xy=True)

    def move(points: Any) -> Any:
        points = points.copy()
        points[:, 0], points[:, 1] = to_geographic.transform(points[:, 0] + east, points[:, 1] + north)
        return points

    return set_precision(transform_geometry(outline, move), 1e-7)


def _feature(simulation: Simulation, outline: BaseGeometry, properties: dict[str, Any]) -> dict[str, Any]:
    west, south, east, north = outline.bounds
    size = {"area_m2": round(outline.area, 1), "size_m": round(max(east - west, north - south), 1)}
    shape = mapping(to_lonlat(simulation, outline))
    return {"type": "Feature", "id": properties["id"], "properties": {**properties, **size}, "geometry": shape}


def _decoys(simulation: Simulation) -> list[tuple[BaseGeometry, dict[str, Any]]]:
    """What changes in the after-window without being structural, each with its outline."""
    half = simulation.size_m / 2
    whole = box(-half, -half, half, half)
    found: list[tuple[BaseGeometry, dict[str, Any]]] = []
    if not simulation.decoys:
        return found

    def add(outline: BaseGeometry, name: tuple[str, str], kind: str, days: tuple[date, date]) -> None:
        if simulation.after.first <= days[0] < simulation.end:
            first, last = (day.isoformat() for day in days)
            found.append((outline, {"id": name[0], "name": name[1], "kind": kind, "date": first, "until": last}))

    for p in optical_passes(simulation):
        day = p.time.date()
        if p.role == "haze":
            add(whole, ("haze", "Hazy day"), "unknown", (day, day))
        if p.role == "after rain":
            fell = max(when for when, _ in rain_days(simulation) if when <= p.time).date()
            add(whole, ("rain", "Rain"), "unknown", (fell, fell + timedelta(days=9)))
    field = default_fields()[-1]
    for year in range(simulation.start.year, simulation.end.year + 1):
        cut = date(year, 1, 1) + timedelta(days=round(267 + field.delay - HARVEST_EARLY))
        if whole.contains(field.outline):
            add(field.outline, (f"harvest-{year}", "Early harvest"), "vegetation", (cut, cut + timedelta(days=12)))
        add(whole, (f"long-shadows-{year}", "Long winter shadows"), "unknown", (date(year, 12, 1), date(year, 12, 31)))
    return found


def truth_features(simulation: Simulation) -> dict[str, Any]:
    """All events and decoys as a GeoJSON FeatureCollection in EPSG:4326.

    Properties: ``id name kind date structural detectable size_m area_m2``; decoys also ``until``, the last day on
    which they can be seen.
    """
    features = []
    for event in simulation.all_events:
        outline = event.outline(simulation.all_structures)
        properties = {
            "id": event.id,
            "name": event.name,
            "kind": event.kind,
            "date": event.on.isoformat(),
            "structural": True,
            "detectable": event.detectable,
        }
        features.append(_feature(simulation, outline, properties))
    for outline, about in _decoys(simulation):
        features.append(_feature(simulation, outline, {**about, "structural": False, "detectable": False}))
    return {"type": "FeatureCollection", "simulated": True, "features": features}


def _zone(simulation: Simulation, event: Event) -> str:
    outline = event.outline(simulation.all_structures)
    lon, lat = to_lonlat(simulation, outline.centroid).coords[0]
    west, south, east, north = outline.bounds
    radius = math.ceil(math.hypot(east - west, north - south) / 2 / 5) * 5
    return (
        f"  - name: {json.dumps(event.name, ensure_ascii=False)}\n"
        f"    kind: {event.zone}\n"
        f"    center: [{lon:.6f}, {lat:.6f}]\n"
        f"    radius: {radius}\n"
        f"    note: Invented; see truth.geojson\n"
    )


def claim_yaml(simulation: Simulation) -> str | None:
    """The text of ``claim.yaml``, which ``changedet verify`` reads; None where nothing is demolished.

    It claims all that is demolished in the first third of the after-window, and with it a mast too small to be seen.
    """
    after = simulation.after
    last = after.first + (after.last - after.first) / 3
    events = [event for event in simulation.all_events if event.action == "demolish" and event.on <= last]
    gone = [name for event in events for name in event.structures]
    masts = [s.id for s in simulation.all_structures if s.kind == "mast" and s.id not in gone][:1]
    standing = {structure.id: structure for structure in simulation.all_structures}
    claimed = [name for name in gone if standing[name].kind != "pad"]
    if not claimed:
        return None
    objects = "".join(_object(simulation, standing[name]) for name in (*claimed, *masts))
    return (
        "# An invented claim about the simulated site beside it. What it says of the mast is false.\n"
        "quotation: The tanks of the fuel depot, the command building and a mast were demolished.\n"
        "source:\n"
        "  publisher: Invented for the simulation\n"
        "site: site.yaml\n"
        "what: destroyed\n"
        f"window: [{after.first}, {last}]\n"
        f"objects:\n{objects}"
    )


def _object(simulation: Simulation, structure: Structure) -> str:
    kinds = {"tank": "fuel tank", "building": "building", "mast": "mast"}
    outline = to_lonlat(simulation, structure.footprint.simplify(0.2))
    corners = mapping(outline)["coordinates"][0][:-1]
    ring = ", ".join(f"[{lon:.7f}, {lat:.7f}]" for lon, lat in corners)
    return (
        f"  - name: {structure.id}\n"
        f"    kind: {kinds.get(structure.kind, 'other')}\n"
        f"    polygon: [{ring}]\n"
        "    note: Invented; its outline is known exactly.\n"
    )


def site_yaml(simulation: Simulation) -> str:
    """The text of ``site.yaml``, which ``changedet run`` reads."""
    lon, lat = to_lonlat(simulation, box(0, 0, 1, 1).centroid).coords[0]
    zones = "".join(_zone(simulation, event) for event in simulation.all_events)
    collections = {"sentinel-2": "sentinel-2-l2a", "sentinel-1": "sentinel-1-rtc"}
    sensors = "".join(
        f"  {sensor}:\n    collection: {collections[sensor]}\n"
        + ("    max_cloud: 60\n" if sensor == "sentinel-2" else "")
        for sensor in simulation.sensors
    )
    return (
        "# A simulated site: every pixel of its archive is computed from random numbers.\n"
        f"id: {SITE_ID}\n"
        f"name: {SITE_NAME}\n"
        "area:\n"
        f"  center: [{lon:.6f}, {lat:.6f}]\n"
        f"  radius: {simulation.size_m // 2 - MARGIN}\n"
        "resolution: 10\n"
        "source:\n"
        "  kind: stac\n"
        "  catalog: catalog.json\n"
        f"sensors:\n{sensors}"
        f"before: [{simulation.before.first}, {simulation.before.last}]\n"
        f"after: [{simulation.after.first}, {simulation.after.last}]\n"
        "detect:\n"
        "  false_alarm_rate: 0.01\n" + (f"zones:\n{zones}" if zones else "")
    )
