"""Scenes found and fetched for one site: the step between a site file and its stacks."""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr
from rasterio.errors import NotGeoreferencedWarning

from changedet.errors import FetchError, InputError, NoScenesError, ServiceError
from changedet.scene import CLASSIFICATION, CLOUD_BANDS, OPTICAL_BANDS, RADAR_BANDS, Failure, Scene, Sensor
from changedet.site import Site
from changedet.sources import Cost, Fetched, Query, Source

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from changedet.store import Store
    from changedet.values import SourceConfig

WORKERS = 16
COMMON_SHARE = 0.5
"""A band that fewer than this share of the scenes carry is left out for all."""

Progress = Callable[[str, int, int], None]


def source_kinds() -> tuple[str, ...]:
    """The kinds that ``source: {kind: …}`` accepts: the modules of ``changedet/sources`` that open a source."""
    return tuple(name for name in _modules() if _is_source(name))


def source_config(kind: str) -> type[SourceConfig] | None:
    """The ``Config`` of a kind of source, or None where there is none."""
    if kind not in _modules() or not _is_source(kind):
        return None
    config: type[SourceConfig] = _module(kind).Config
    return config


def open_source(site: Site, folder: Path) -> Source:
    """The source that a site names; ``folder`` is that of its file."""
    source: Source = _module(site.source.kind).open_source(site.source, folder)
    return source


def _modules() -> tuple[str, ...]:
    import changedet.sources

    return tuple(sorted(module.name for module in pkgutil.iter_modules(changedet.sources.__path__)))


def _is_source(name: str) -> bool:
    module = _module(name)
    return hasattr(module, "open_source") and hasattr(module, "Config")


def _module(name: str) -> Any:
    return importlib.import_module(f"changedet.sources.{name}")


@dataclass(frozen=True, slots=True)
class Acquired:
    """What a run could get hold of."""

    fetched: tuple[Fetched, ...]
    failures: tuple[Failure, ...]
    checksums: Mapping[str, str]
    """SHA-256 of each original window by ``scene id/asset``."""


def find_scenes(site: Site, source: Source) -> tuple[Scene, ...]:
    """Scenes of all sensors that fall into the reference period or the after-window.

    Raises
    ------
    NoScenesError
        When a side has no scene of any sensor.
    CatalogueError, ServiceError
    """
    found: list[Scene] = []
    for sensor in site.sensors:
        for period in (site.before, site.after):
            try:
                found.extend(source.search(query_of(site, sensor, period.start, period.end)))
            except ServiceError as error:
                raise ServiceError(f"{error}; nothing was downloaded, run again later") from error
    for name, period in (("before", site.before), ("after", site.after)):
        if not any(period.holds(scene.time) for scene in found):
            raise NoScenesError(
                f"site {site.id}: no scene of {' or '.join(site.sensors)} covers the area in `{name}`, {period}; "
                "check the area (longitude comes first) and the collection, widen the dates, or raise max_cloud"
            )
    return tuple(sorted(found, key=lambda scene: (scene.time, scene.id)))


def query_of(site: Site, sensor: Sensor, start: datetime, end: datetime) -> Query:
    """What a site asks its source for, of one of its sensors."""
    spec, optical = site.sensors[sensor], sensor == "sentinel-2"
    return Query(
        sensor=sensor,
        ring=site.ring,
        start=start,
        end=end,
        collection=spec.collection,
        max_cloud=spec.max_cloud if optical else None,
        relative_orbits=spec.relative_orbits,
        extra_bands=CLOUD_BANDS if optical and spec.cloud_mask is not None else (),
    )


def bands_for(sensor: Sensor, scenes: tuple[Scene, ...]) -> tuple[str, ...]:
    """The bands of a sensor that most of its scenes carry; those of a cloud model only without a classification."""
    mine = [scene for scene in scenes if scene.sensor == sensor]
    wanted = (*OPTICAL_BANDS, CLASSIFICATION, *CLOUD_BANDS) if sensor == "sentinel-2" else RADAR_BANDS
    common = tuple(band for band in wanted if mine and sum(band in s.assets for s in mine) >= COMMON_SHARE * len(mine))
    return tuple(band for band in common if band not in CLOUD_BANDS) if CLASSIFICATION in common else common


def bands_by_sensor(scenes: tuple[Scene, ...]) -> dict[Sensor, tuple[str, ...]]:
    """``bands_for`` each sensor that has a scene."""
    return {sensor: bands_for(sensor, scenes) for sensor in {scene.sensor for scene in scenes}}


def planned(scenes: tuple[Scene, ...], source: Source, geobox: GeoBox, store: Store | None = None) -> Cost:
    """What fetching the scenes would be charged, less what the cache holds."""
    bands = bands_by_sensor(scenes)
    return sum((source.cost(scene, bands[scene.sensor], geobox, store) for scene in scenes), Cost())


def check_budget(cost: Cost, most: int | None) -> None:
    """Refuse what would need more requests than allowed.

    Raises
    ------
    InputError
    """
    if most is not None and cost.requests > most:
        raise InputError(
            f"this needs about {cost.requests} requests, more than the {most} of --max-requests; "
            "shorten the periods, lower max_cloud, or raise the limit. Nothing was downloaded"
        )


def fetch_scenes(
    scenes: tuple[Scene, ...],
    source: Source,
    geobox: GeoBox,
    store: Store,
    progress: Progress | None = None,
) -> Acquired:
    """Fetch the windows of all scenes at once; a scene that fails is recorded, and the others go on.

    Raises
    ------
    ServiceError
        When every scene failed.
    """
    bands = bands_by_sensor(scenes)
    fetched: list[Fetched] = []
    failures: list[Failure] = []

    with warnings.catch_warnings(), ThreadPoolExecutor(WORKERS) as pool:
        # a file without georeference is a failure that is recorded, with more words than the warning has
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        tasks = [pool.submit(fetch_scene, scene, bands[scene.sensor], source, geobox, store) for scene in scenes]
        try:
            for done, task in enumerate(as_completed(tasks), 1):
                try:
                    fetched.append(task.result())
                except FetchError as error:
                    failures.append(Failure(error.scene, error.asset, error.reason))
                if progress is not None:
                    progress("acquire", done, len(scenes))
        finally:
            # when the disk is full or the user interrupts, what has not begun does not begin
            for task in tasks:
                task.cancel()
    if scenes and not fetched:
        first = min(failures, key=lambda failure: failure.scene)
        raise ServiceError(
            f"none of {len(scenes)} scenes could be fetched; the first, {first.scene}, asset {first.asset}: "
            f"{first.reason}; run again later, nothing that was saved is fetched twice"
        )
    fetched.sort(key=lambda one: (one.scene.time, one.scene.id))
    return Acquired(
        tuple(fetched), tuple(sorted(failures, key=lambda f: (f.scene, f.asset))), original_checksums(fetched)
    )


def fetch_scene(scene: Scene, bands: tuple[str, ...], source: Source, geobox: GeoBox, store: Store) -> Fetched:
    """The windows of one scene. One that lacks a band is refused: its date would take the band from all the others.

    Raises
    ------
    FetchError
    """
    spared = (CLASSIFICATION, *CLOUD_BANDS)
    missing = [band for band in bands if band not in scene.assets and band not in spared]
    if missing:
        raise FetchError(scene.id, missing[0], "the item has no such asset")
    return source.fetch(scene, bands, geobox, store)


def original_checksums(fetched: Iterable[Fetched]) -> dict[str, str]:
    """SHA-256 of each window by ``scene id/asset``."""
    return {f"{one.scene.id}/{band}": window.sha256 for one in fetched for band, window in sorted(one.windows.items())}


def check_sides(site: Site, scenes: tuple[Scene, ...], acquired: Acquired) -> None:
    """Refuse to compare when every scene of one side failed: that is no cloud, and running again may mend it.

    Raises
    ------
    ServiceError
    """
    for name, period in (("before", site.before), ("after", site.after)):
        found = [scene for scene in scenes if period.holds(scene.time)]
        if found and not any(period.holds(one.scene.time) for one in acquired.fetched):
            lost = {scene.id for scene in found}
            first = next(failure for failure in acquired.failures if failure.scene in lost)
            raise ServiceError(
                f"none of the {len(found)} scenes of `{name}` could be fetched; the first, {first.scene}, asset "
                f"{first.asset}: {first.reason}; run again later, the {len(acquired.fetched)} scenes that were saved "
                "are not fetched twice"
            )


def build_stacks(acquired: Acquired, geobox: GeoBox, progress: Progress | None = None) -> dict[str, xr.Dataset]:
    """One Stack for optical, and one for each relative orbit of radar, by key; optical first."""
    from changedet.sources.grid import layers
    from changedet.stack import build_stack

    groups: dict[str, list[Fetched]] = {}
    for one in acquired.fetched:
        groups.setdefault(stack_key(one.scene), []).append(one)
    stacks: dict[str, xr.Dataset] = {}
    for key in sorted(groups, key=stack_order):
        group = groups[key]
        step = None if progress is None else lambda done, total: progress("grid", done, total)
        stacks[key] = build_stack(
            layers(group, geobox, step),
            geobox,
            sensor=group[0].scene.sensor,
            key=key,
            simulated=any(one.scene.simulated for one in group),
        )
    return stacks


def stack_key(scene: Scene) -> str:
    """Key of the stack that a scene belongs to: ``sentinel-2``, or ``sentinel-1-orbit-137``."""
    if scene.sensor == "sentinel-2":
        return "sentinel-2"
    orbit = "unknown" if scene.relative_orbit is None else f"{scene.relative_orbit:03d}"
    return f"sentinel-1-orbit-{orbit}"


def stack_order(key: str) -> tuple[bool, str]:
    """To sort the keys of stacks by: optical first."""
    return not key.startswith("sentinel-2"), key
