"""``Evidence``: everything a report is made from, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

import xarray as xr

from changedet.answer import ClaimAnswer
from changedet.regions import Detection
from changedet.scene import Failure, Scene
from changedet.site import Site
from changedet.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Dropped:
    """A date that was read but not used, and why."""

    scene: str
    reason: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """How the run was made."""

    run_id: str
    started: datetime
    """UTC."""
    versions: Mapping[str, str]
    parameters: Mapping[str, object]
    """The resolved configuration, defaults included."""
    seed: int
    timings: Mapping[str, float]
    """Seconds a step."""
    downloads: Mapping[str, int | float]
    """``requests`` and ``bytes`` sent for and received in this run."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that travelled, for the reporters."""

    site: Site
    scenes: tuple[Scene, ...]
    """Every scene that was used, in order of time."""
    stacks: Mapping[str, xr.Dataset]
    """Prepared stacks by key; optical first."""
    maps: Mapping[str, xr.Dataset]
    """One ChangeMap a stack, by the same keys."""
    change: xr.Dataset
    """The ChangeMap of the site: all sensors together."""
    detections: tuple[Detection, ...]
    verdicts: tuple[Verdict, ...]
    failures: tuple[Failure, ...]
    dropped: tuple[Dropped, ...]
    provenance: Provenance
    notes: tuple[str, ...] = ()
    """Sentences the reader must see: offsets corrected, detectors that fell back, and the like."""
    checksums: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of each original window by ``scene id/asset``."""

    claim: ClaimAnswer | None = None
    """The claim that the verdicts answer; None where only a site was looked at."""

    def __post_init__(self) -> None:
        for name in ("stacks", "maps", "checksums"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @property
    def simulated(self) -> bool:
        """Whether any pixel comes from the simulator."""
        return any(scene.simulated for scene in self.scenes)

    @property
    def attribution(self) -> str:
        """The line that every picture and page carries, with the years of the scenes used."""
        years = sorted({scene.time.year for scene in self.scenes})
        span = f"{years[0]}" if len(years) == 1 else f"{years[0]}-{years[-1]}" if years else ""
        licence = self.scenes[0].licence if self.scenes else "Contains modified Copernicus Sentinel data"
        return f"SIMULATED data, no real imagery, {span}" if self.simulated else f"{licence} {span}"
