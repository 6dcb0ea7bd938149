"""Where scenes come from, one file a kind. No other room fetches anything; ``watch`` alone sends.

``source: {kind: stac}`` in a site file is ``changedet/sources/stac.py``. Such a module offers ``Config``, a frozen
pydantic model, and ``open_source(config, folder) -> Source``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from changedet.scene import Scene, Sensor
from changedet.site import Ring

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from changedet.store import Store


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for."""

    sensor: Sensor
    ring: Ring
    """Closed exterior in longitude, latitude."""
    start: datetime
    end: datetime
    """UTC, exclusive."""
    collection: str | None = None
    max_cloud: float | None = None
    """Per cent, of the scene; scenes that do not say are kept."""
    relative_orbits: tuple[int, ...] | None = None
    extra_bands: tuple[str, ...] = ()
    """Of ``scene.CLOUD_BANDS``: assets that the scenes are to carry beside the usual ones, where there are such."""


@dataclass(frozen=True, slots=True)
class Window:
    """One band of one scene on disk: the native pixels over the site, as the provider stores them."""

    path: Path
    """A GeoTIFF in the cache, read-only."""
    sha256: str
    band: int = 1
    scale: float = 1.0
    offset: float = 0.0
    nodata: float | None = None
    on_grid: bool = False
    """Whether the file's pixels are those of the site's grid already."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A scene with its windows by band name."""

    scene: Scene
    windows: Mapping[str, Window]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a service counts."""

    requests: int = 0
    units: float = 0.0
    """Processing units of Sentinel Hub; 0 elsewhere."""

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.requests + other.requests, self.units + other.units)


class Source(Protocol):
    """A place where scenes come from."""

    def search(self, query: Query) -> tuple[Scene, ...]:
        """Scenes that meet the query, in order of time then id; never pixels.

        Raises
        ------
        CatalogueError, ServiceError
        """
        ...

    def fetch(self, scene: Scene, bands: tuple[str, ...], geobox: GeoBox, store: Store) -> Fetched:
        """The windows of ``bands`` that cover ``geobox`` (with a margin), from the cache or the network.

        Raises
        ------
        FetchError
            Naming the asset and the reason, when a band cannot be had.
        """
        ...

    def spent(self) -> Mapping[str, float]:
        """``requests`` sent and ``bytes`` received so far, and ``processing_units`` where the service counts them."""
        ...

    def estimate(self, scene: Scene, bands: tuple[str, ...], geobox: GeoBox) -> int:
        """Bytes that ``fetch`` would read at most."""
        ...

    def cost(self, scene: Scene, bands: tuple[str, ...], geobox: GeoBox, store: Store | None) -> Cost:
        """What ``fetch`` would be charged, less what ``store`` holds already."""
        ...
