"""Which acquisitions of a site there are, asking the catalogue only for what may be new."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pydantic import TypeAdapter, ValidationError

from changedet.report.plain import json_bytes
from changedet.scene import Scene
from changedet.site import Site
from changedet.sources import Source
from changedet.sources.acquire import query_of, stack_key
from changedet.sources.grid import solar_day
from changedet.store import Store, request_hash, write_bytes

LATE = timedelta(days=30)
"""Scenes are published late: so far back from the newest one known, the catalogue is asked again."""
_SCENES = TypeAdapter(tuple[Scene, ...])


@dataclass(frozen=True, slots=True)
class Acquisition:
    """The scenes of one pass over the site."""

    stack: str
    day: date
    scenes: tuple[Scene, ...]

    @property
    def time(self) -> datetime:
        """Start of sensing of its first scene, UTC."""
        return self.scenes[0].time

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of its scenes."""
        return tuple(scene.id for scene in self.scenes)


def acquisitions(scenes: Iterable[Scene]) -> tuple[Acquisition, ...]:
    """Scenes by stack and solar day, in order of time."""
    groups: dict[tuple[str, date], list[Scene]] = {}
    for scene in scenes:
        groups.setdefault((stack_key(scene), solar_day(scene)), []).append(scene)
    found = [
        Acquisition(stack, day, tuple(sorted(group, key=lambda scene: (scene.time, scene.id))))
        for (stack, day), group in groups.items()
    ]
    return tuple(sorted(found, key=lambda one: (one.time, one.stack)))


def find(site: Site, source: Source, store: Store, now: datetime) -> tuple[Scene, ...]:
    """All scenes from the first day of the reference period to ``now``, in order of time.

    What was found before is kept in the cache; the catalogue is asked from ``LATE`` before the newest of it.

    Raises
    ------
    CatalogueError, ServiceError, NoScenesError
    """
    asked = {
        "site": site.model_dump(mode="json", include={"ring", "source", "sensors"}),
        "first": site.before.first.isoformat(),
    }
    path = store.folder / "scenes" / f"{request_hash(asked)}.json"
    store.fetch(path)
    try:
        known = _SCENES.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        known = ()
    start = max([site.before.start, *(scene.time - LATE for scene in known if scene.time <= now)])
    found = {scene.id: scene for scene in known}
    for sensor in site.sensors:
        if start < now:
            found |= {scene.id: scene for scene in source.search(query_of(site, sensor, start, now))}
    scenes = tuple(sorted(found.values(), key=lambda scene: (scene.time, scene.id)))
    if scenes != known:
        write_bytes(path, json_bytes(scenes, exact=True))
        store.share(path)
    return tuple(scene for scene in scenes if scene.time < now)
