"""``Scene``: the identity of one acquisition and where its pixels are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal

Sensor = Literal["sentinel-2", "sentinel-1"]
OrbitDirection = Literal["ascending", "descending"]

OPTICAL_BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
RADAR_BANDS = ("vv", "vh")
CLASSIFICATION = "scl"
CLOUD_BANDS = ("coastal", "rededge1", "nir08", "nir09", "cirrus")
"""What a cloud model reads beside the optical bands (B01 B05 B8A B09 B10); acquired only where it is asked for."""

ATTRIBUTION = "Contains modified Copernicus Sentinel data"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of a scene that carries one band."""

    href: str
    """https URL, or an absolute path under the catalogue's own folder."""
    scale: float = 1.0
    """Physical value = digital number × scale + offset."""
    offset: float = 0.0
    nodata: float | None = None
    """Digital number that means "no data"; None where the item does not say (the file may)."""
    checksum: str | None = None
    """``file:checksum`` of the item, a multihash in hex; None where not given."""
    size: int | None = None
    """``file:size`` in bytes."""
    band: int = 1
    """1-based band in the file."""
    resolution: float | None = None
    """Ground sampling distance in metres where the item says it."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One acquisition of one sensor, as its provider publishes it."""

    source: str
    """Where it was found: the catalogue's URL or path as written in the site file, or a deployment."""
    id: str
    time: datetime
    """Start of sensing, UTC, timezone-aware."""
    sensor: Sensor
    platform: str
    """Lower case with dashes: ``sentinel-2a``."""
    collection: str | None = None
    relative_orbit: int | None = None
    orbit_direction: OrbitDirection | None = None
    level: str | None = None
    """``L1C``, ``L2A``, ``GRD``, ``RTC``."""
    baseline: str | None = None
    """Processing baseline as ``05.11``."""
    product: str | None = None
    """The product's own name (SAFE), by which anyone can find it again."""
    tile: str | None = None
    """MGRS tile such as ``37SFU``, or burst."""
    footprint: tuple[tuple[float, float], ...] = ()
    """Exterior ring in longitude, latitude."""
    cloud_share: float | None = None
    """Per cent, of the whole scene, as published."""
    assets: Mapping[str, Asset] = field(default_factory=dict)
    """By STAC common name: ``blue green red nir swir16 swir22 scl``, ``vv vh``; ``CLOUD_BANDS`` where asked for."""
    licence: str = ATTRIBUTION
    simulated: bool = False
    notes: tuple[str, ...] = ()
    """What the reader of the item should know, e.g. flags that contradict each other."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "assets", MappingProxyType(dict(self.assets)))

    @property
    def attribution(self) -> str:
        """The line that every picture and report carries."""
        return f"{self.licence} {self.time.year}"


@dataclass(frozen=True, slots=True)
class Failure:
    """A scene, or one asset of it, that could not be used, and why. Never lost: it is on the page."""

    scene: str
    asset: str
    reason: str
