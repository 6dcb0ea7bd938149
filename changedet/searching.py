"""What a run would use, before anything is spent."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

from changedet.pipeline import load_site
from changedet.scene import Scene
from changedet.sources import Cost
from changedet.sources.acquire import bands_by_sensor, check_budget, find_scenes, open_source, planned
from changedet.stack import site_geobox


@dataclass(frozen=True, slots=True)
class Row:
    """One scene that a run would use."""

    time: str
    sensor: str
    platform: str
    relative_orbit: int | None
    orbit_direction: str | None
    cloud_share: float | None
    """Per cent, of the whole scene, as published."""
    side: str
    bytes: int
    """Decoded bytes of its windows; compressed transfer is less."""
    scene: str

    def cells(self) -> tuple[str, ...]:
        """The row as text for a terminal."""
        orbit = "" if self.relative_orbit is None else f"{self.relative_orbit:03d}"
        return (
            self.time,
            self.side,
            self.platform,
            f"{orbit} {self.orbit_direction or ''}".strip(),
            "" if self.cloud_share is None else f"{self.cloud_share:.0f} %",
            megabytes(self.bytes),
            self.scene,
        )


HEADINGS = ("date and time (UTC)", "side", "platform", "orbit", "cloud of the scene, as published", "at most", "scene")


@dataclass(frozen=True, slots=True)
class Found:
    """The scenes that a run would use."""

    site: str
    rows: tuple[Row, ...]
    cost: Cost = field(default_factory=Cost)
    """With an empty cache."""

    @property
    def bytes(self) -> int:
        """Decoded bytes of all windows."""
        return sum(row.bytes for row in self.rows)

    @property
    def summary(self) -> str:
        """One sentence."""
        sides = {side: sum(row.side == side for row in self.rows) for side in ("before", "after")}
        return (
            f"{sides['before']} scenes before and {sides['after']} after; a run reads at most {megabytes(self.bytes)}"
            f"{self._charged}, less what the cache holds already. Nothing was downloaded."
        )

    @property
    def _charged(self) -> str:
        if not self.cost.requests:
            return ""
        charged = f" in about {self.cost.requests} requests"
        return charged + (f", {self.cost.units:.2f} processing units" if self.cost.units else "")

    def as_dict(self) -> dict[str, object]:
        """For ``--json``."""
        return {
            "site": self.site,
            "bytes": self.bytes,
            "requests": self.cost.requests,
            "processing_units": round(self.cost.units, 3),
            "scenes": [asdict(row) for row in self.rows],
        }


def search(site_file: Path, max_requests: int | None = None) -> Found:
    """Ask the catalogue what a run of this site would use; no pixel is read.

    Raises
    ------
    InputError, ServiceError
    """
    site = load_site(site_file)
    source = open_source(site, site_file.parent)
    scenes = find_scenes(site, source)
    geobox, bands = site_geobox(site.ring, site.resolution), bands_by_sensor(scenes)

    def row(scene: Scene) -> Row:
        return Row(
            time=f"{scene.time:%Y-%m-%d %H:%M}",
            sensor=scene.sensor,
            platform=scene.platform,
            relative_orbit=scene.relative_orbit,
            orbit_direction=scene.orbit_direction,
            cloud_share=scene.cloud_share,
            side="before" if site.before.holds(scene.time) else "after",
            bytes=source.estimate(scene, bands[scene.sensor], geobox),
            scene=scene.id,
        )

    cost = planned(scenes, source, geobox)
    check_budget(cost, max_requests)
    return Found(site.id, tuple(row(scene) for scene in scenes), cost)


def megabytes(size: int) -> str:
    """Bytes in a unit that reads well."""
    return f"{size / 1e6:.1f} MB" if size < 1e9 else f"{size / 1e9:.2f} GB"
