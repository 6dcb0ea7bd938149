"""Site files: YAML in, :class:`~changedet.site.Site` out, every mistake of a file named at once with its line.

The keys are those of :data:`FIELDS`. What a source or a detector may be configured with is not known here: the caller
passes look-ups by name, so that this module needs neither room.

An area may be a circle (``area: {center, radius}``), a ``bbox: [west, south, east, north]``, or ``geometry:``, a
GeoJSON file beside the site file; of several polygons in it the convex hull is taken, and holes are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.json_schema import JsonSchemaMode
from shapely import Polygon

from changedet.geojsonfile import outline
from changedet.plainwords import found, not_a_key, not_one_of, problem_of
from changedet.scene import Sensor
from changedet.site import (
    Circle,
    DetectSpec,
    Period,
    Ring,
    SensorSpec,
    Site,
    Zone,
    check_lonlat,
    check_ring_size,
)
from changedet.values import DetectorConfig, SourceConfig
from changedet.yamlfile import Path_, Reader, load

SENSORS: tuple[str, ...] = get_args(Sensor)
_BASES = ("DetectSpec", "DetectorConfig", "SourceConfig")
SHAPES = ("area", "bbox", "geometry")
REQUIRED = ("id", "name", "source", "sensors", "before", "after")
DAYS_HINT = "two days, [first, last], such as [2024-06-01, 2025-02-28]"
BBOX_HINT = "four numbers in degrees, [west, south, east, north]"

_Degrees = tuple[float, float, float, float]
_rate = DetectSpec.model_fields["false_alarm_rate"]

FIELDS: Mapping[str, Any] = {
    "id": Annotated[str, Site.model_fields["id"], Field(pattern="^[a-z0-9][a-z0-9_-]*$")],
    "name": Annotated[str, Site.model_fields["name"]],
    "area": Annotated[Circle, Field(description="a circle: center (longitude, latitude) and radius in metres")],
    "bbox": Annotated[_Degrees, Field(description="west, south, east, north in degrees, in place of area")],
    "geometry": Annotated[
        str, Field(min_length=1, description="a GeoJSON file in EPSG:4326, relative to this one, in place of area")
    ],
    "resolution": Annotated[float, Site.model_fields["resolution"]],
    "source": Annotated[SourceConfig, Field(description="where scenes come from; kind names the source")],
    "sensors": Annotated[
        dict[Sensor, SensorSpec], Field(min_length=1, description="which scenes of which sensors, one or both")
    ],
    "before": Annotated[tuple[date, date], Field(description="reference period: first and last day, both included")],
    "after": Annotated[tuple[date, date], Field(description="the days asked about: first and last, both included")],
    "detect": Annotated[DetectSpec, Field(description="the false-alarm rate, and detectors by name with settings")],
    "zones": Annotated[tuple[Zone, ...], Field(description="named objects within the area")],
}
"""Key of the file → its type with a description."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """What sources and detectors there are, and how each is configured."""

    source_config: Callable[[str], type[SourceConfig] | None]
    detector_config: Callable[[str], type[DetectorConfig] | None]
    source_kinds: tuple[str, ...]
    detector_names: tuple[str, ...]


def read_site(
    path: Path,
    *,
    source_config: Callable[[str], type[SourceConfig] | None],
    detector_config: Callable[[str], type[DetectorConfig] | None],
    source_kinds: tuple[str, ...],
    detector_names: tuple[str, ...],
) -> Site:
    """Read one site file. Paths inside ``source`` stay as written; the caller resolves them against the file's folder.

    Parameters
    ----------
    source_config, detector_config : the ``Config`` of a source kind or detector, None if there is no such
    source_kinds, detector_names : the accepted names, for messages

    Raises
    ------
    FileError
        With every problem found: file, line, field, what was found and what is accepted.
    """
    reader = Reader(str(path), load(path))
    site = site_in(reader, path.parent, Rooms(source_config, detector_config, source_kinds, detector_names))
    reader.finish()
    assert site is not None
    return site


def site_in(reader: Reader, folder: Path, rooms: Rooms) -> Site | None:
    """The site that a reader holds; None after noting what is wrong with it.

    Parameters
    ----------
    folder : where the files of a ``geometry`` and of a detector lie
    """
    reader.keys((), FIELDS, REQUIRED)
    parts = {key: reader.value((key,), TypeAdapter(FIELDS[key])) for key in ("name", "resolution")}
    parts["id"] = _identifier(reader)
    parts["ring"] = _ring(reader, folder)
    parts["source"] = _source(reader, rooms)
    parts["sensors"] = _sensors(reader)
    parts["before"], parts["after"] = _periods(reader)
    parts["detect"] = _detect(reader, folder, rooms)
    parts["zones"] = _zones(reader, parts["ring"])
    if not reader.clean:
        return None
    try:
        return Site(**{key: value for key, value in parts.items() if value is not None})
    except ValidationError as error:
        reader.add((), problem_of(error))
        return None


def site_schema(
    source_configs: Mapping[str, type[SourceConfig]], detector_configs: Mapping[str, type[DetectorConfig]]
) -> dict[str, Any]:
    """A JSON Schema (draft 2020-12) of site files, for editors.

    It cannot say everything that :func:`read_site` checks: the order of dates, places, the size of an area.
    """
    asked: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
        (f"field {key}", "validation", TypeAdapter(kind)) for key, kind in FIELDS.items()
    ]
    for prefix, configs in (("source", source_configs), ("detector", detector_configs)):
        asked += [(f"{prefix} {name}", "validation", TypeAdapter(config)) for name, config in configs.items()]
    made, definitions = TypeAdapter.json_schemas(asked)
    schemas = {name: schema for (name, _), schema in made.items()}
    defs: dict[str, Any] = definitions.get("$defs", {})
    fields = {key: schemas[f"field {key}"] for key in FIELDS}
    fields["source"] = {
        "description": fields["source"]["description"],
        "required": ["kind"],
        "oneOf": [
            {"allOf": [schemas[f"source {kind}"]], "properties": {"kind": {"const": kind}}} for kind in source_configs
        ],
    }
    fields["detect"] = {
        "description": fields["detect"]["description"],
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "false_alarm_rate": defs["DetectSpec"]["properties"]["false_alarm_rate"],
            **{name: {"anyOf": [schemas[f"detector {name}"], {"type": "null"}]} for name in detector_configs},
        },
    }
    fields["sensors"]["additionalProperties"] = {"anyOf": [{"$ref": "#/$defs/SensorSpec"}, {"type": "null"}]}
    defs["Zone"]["oneOf"] = [{"required": ["center", "radius"]}, {"required": ["polygon"]}]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A changedet site file",
        "type": "object",
        "additionalProperties": False,
        "required": list(REQUIRED),
        "oneOf": [{"required": [shape]} for shape in SHAPES],
        "properties": fields,
        "$defs": {name: schema for name, schema in sorted(defs.items()) if name not in _BASES},
    }


def _identifier(reader: Reader) -> str | None:
    hint = (
        "lower-case letters, digits, - and _, at most 64, starting with a letter or digit: it names the output folder"
    )
    return reader.value(("id",), TypeAdapter(FIELDS["id"]), hint)


def _ring(reader: Reader, folder: Path) -> Ring | None:
    given = [shape for shape in SHAPES if reader.item((shape,)) is not None]
    if not given:
        reader.add(("area",), "is missing; give area (center and radius), bbox or geometry")
        return None
    if len(given) > 1:
        reader.add((given[1],), f"is given beside {given[0]}; give only one of area, bbox and geometry")
        return None
    shape = given[0]
    try:
        if shape == "area":
            ring = _from_circle(reader)
        elif shape == "bbox":
            ring = _from_bbox(reader)
        else:
            ring = _from_geometry(reader, folder)
        if ring is not None:
            check_ring_size(ring)
    except ValueError as error:
        reader.add((shape,), str(error))
        return None
    return ring


def _from_circle(reader: Reader) -> Ring | None:
    circle = reader.model(("area",), Circle)
    if circle is None:
        return None
    ring = circle.ring()
    if any(abs(lon) > 180 for lon, _ in ring):
        raise ValueError("crosses the 180° meridian; use one site on either side of it")
    for point in ring:
        check_lonlat(point)
    return ring


def _from_bbox(reader: Reader) -> Ring | None:
    bbox = reader.value(("bbox",), TypeAdapter(_Degrees), BBOX_HINT)
    if bbox is None:
        return None
    west, south, east, north = bbox
    if max(abs(west), abs(east)) <= 90 < max(abs(south), abs(north)) <= 180:
        raise ValueError(
            f"is {found(list(bbox))}, which has latitudes beyond 90: longitude comes first, so this looks swapped; "
            f"write {found([south, west, north, east])}"
        )
    check_lonlat((west, south))
    check_lonlat((east, north))
    if west > east and south > north and west < south and east < north:
        raise ValueError(
            f"is {found(list(bbox))}, but the order is [west, south, east, north]; "
            f"write {found([west, east, south, north])}"
        )
    if west > east:
        raise ValueError(
            f"has west {west:g} east of {east:g}; the order is [west, south, east, north], "
            "and an area may not cross the 180° meridian"
        )
    if south > north:
        raise ValueError(f"has south {south:g} north of {north:g}; the order is [west, south, east, north]")
    return ((west, south), (east, south), (east, north), (west, north), (west, south))


def _from_geometry(reader: Reader, folder: Path) -> Ring | None:
    name = reader.value(("geometry",), TypeAdapter(FIELDS["geometry"]), "the path of a GeoJSON file")
    if name is None:
        return None
    if Path(name).is_absolute() or "\0" in name:
        raise ValueError(f"is {found(name)}, but must be a path relative to the site file")
    try:
        return outline(folder / name)
    except ValueError as error:
        raise ValueError(
            f"the file {name} {error}" if str(error)[0].islower() else f"the file {name}: {error}"
        ) from None


def _source(reader: Reader, rooms: Rooms) -> SourceConfig | None:
    path: Path_ = ("source",)
    item = reader.item(path)
    if item is None:
        return None
    accepted = ", ".join(rooms.source_kinds)
    if not isinstance(item.value, Mapping):
        reader.add(path, f"is {found(item.plain())}, but must be a block with a kind ({accepted}) and its settings")
        return None
    if "kind" not in item.value:
        reader.add((*path, "kind"), f"is missing; accepted: {accepted}")
        return None
    kind = item.value["kind"].value
    config = rooms.source_config(kind) if isinstance(kind, str) and kind in rooms.source_kinds else None
    if config is None:
        reader.add((*path, "kind"), not_one_of(item.value["kind"].plain(), rooms.source_kinds))
        return None
    return reader.model(path, config)


def _sensors(reader: Reader) -> dict[str, SensorSpec | None]:
    path: Path_ = ("sensors",)
    item = reader.item(path)
    if item is not None and isinstance(item.value, Mapping) and not item.value:
        reader.add(path, f"is an empty block; name at least one of {', '.join(SENSORS)}")
    specs = {name: reader.model((*path, name), SensorSpec, empty=True) for name in reader.keys(path, SENSORS)}
    radar = specs.get("sentinel-1")
    if radar is not None and radar.cloud_mask is not None:
        reader.add(
            (*path, "sentinel-1", "cloud_mask"),
            f"is {found(radar.cloud_mask)}, but radar sees through clouds; leave it out, or write it under sentinel-2",
        )
    return specs


def period_in(reader: Reader, key: str) -> Period | None:
    """The two days under a key; None after noting what is wrong with them."""
    days = reader.value((key,), TypeAdapter(tuple[date, date]), DAYS_HINT)
    if days is None:
        return None
    try:
        return Period(first=days[0], last=days[1])
    except ValidationError as error:
        reader.add((key,), problem_of(error))
        return None


def _periods(reader: Reader) -> tuple[Period | None, Period | None]:
    before, after = period_in(reader, "before"), period_in(reader, "after")
    if before and after and after.first <= before.last:
        swapped = "; the two look swapped" if after.last < before.first else ""
        reader.add(
            ("after",),
            f"begins on {after.first}, which is not later than {before.last}, the last day of before; "
            f"after must follow before{swapped}",
        )
    return before, after


def _detect(reader: Reader, folder: Path, rooms: Rooms) -> DetectSpec | None:
    path: Path_ = ("detect",)
    item = reader.item(path)
    if item is None or item.value is None:
        return None
    known = ("false_alarm_rate", *rooms.detector_names)
    if not isinstance(item.value, Mapping):
        reader.add(path, f"is {found(item.plain())}, but must be a block with the keys {', '.join(known)}")
        return None
    detectors: dict[str, DetectorConfig] = {}
    for name in item.value:
        config = rooms.detector_config(name) if name in rooms.detector_names else None
        if config is not None:
            settings = reader.model((*path, name), config, empty=True)
            if settings is not None:
                try:
                    detectors[name] = settings.located(folder)
                except ValueError as error:
                    reader.add((*path, name, "model"), str(error))
        elif name != "false_alarm_rate":
            reader.add((*path, name), not_a_key(name, known))
    rate = reader.value(
        (*path, "false_alarm_rate"), TypeAdapter(Annotated[float, _rate]), "a number above 0 and below 0.5"
    )
    return DetectSpec(detectors=detectors) if rate is None else DetectSpec(false_alarm_rate=rate, detectors=detectors)


def _zones(reader: Reader, area: Ring | None) -> tuple[Zone, ...]:
    zones: list[Zone] = []
    item = reader.item(("zones",))
    for path in () if item is None or item.value is None else reader.entries(("zones",)):
        zone = reader.model(path, Zone)
        if zone is None:
            continue
        if zone.name in (other.name for other in zones):
            reader.add((*path, "name"), f"is {found(zone.name)}, as of an earlier zone; each zone needs its own name")
        zones.append(zone)
        if area is not None:
            _check_place(reader, path, zone, area)
    return tuple(zones)


def _check_place(reader: Reader, path: Path_, zone: Zone, area: Ring) -> None:
    """Note a zone that crosses itself or lies outside of the area."""
    site, shape = Polygon(area), Polygon(zone.ring())
    if not shape.is_valid:
        reader.add((*path, "polygon"), "crosses itself; list the corners in order around the object")
    elif not shape.intersects(site):
        swapped = Polygon([(lat, lon) for lon, lat in zone.ring()]).intersects(site)
        why = (
            "swapping longitude and latitude would put it inside, so the zone or the area looks swapped "
            "(longitude comes first)"
            if swapped
            else "move it or widen the area"
        )
        reader.add(path, f"the zone {found(zone.name)} lies outside of the area; {why}")
