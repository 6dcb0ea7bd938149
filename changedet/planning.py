"""What could be shown of a claim, before anything is spent: no pixel is read."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

from changedet.claim import Claim, ClaimedObject
from changedet.objects.shapes import disc_of_fill, geometric_limit
from changedet.pipeline import load_claim
from changedet.scene import Scene
from changedet.site import Period
from changedet.sources.acquire import find_scenes, open_source

USUAL_CONTRAST, USUAL_NOISE = 0.1, 0.01
"""Reflectance: of a structure against the ground, and of one date's footprint once dates are comparable."""
SURE = 6.0
"""Standard errors that a change must reach to be found surely at 1 in 100, the best of many dates being taken."""


@dataclass(frozen=True, slots=True)
class ObjectPlan:
    """What may be expected of one object."""

    name: str
    kind: str
    diameter: float
    """Metres across."""
    limit: float
    """Metres across from which such a change would probably be found with the dates to be expected."""
    outlook: str
    """``too small``, ``doubtful`` or ``can be settled``; without a catalogue, ``depends on the dates``."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What may be expected of a claim."""

    site: str
    clear_before: float
    clear_within: float
    clear_after: float
    """Optical dates expected to be clear over the object, from the catalogue's cloud shares: in the reference period,
    in the days claimed, and after them."""
    radar_before: int
    radar_after: int
    objects: tuple[ObjectPlan, ...]

    def lines(self) -> list[str]:
        """The plan as text."""
        said = [
            f"{self.site}: about {self.clear_before:.0f} clear optical dates before, {self.clear_within:.0f} in the "
            f"days claimed, {self.clear_after:.0f} after them; {self.radar_before} radar dates before, "
            f"{self.radar_after} from the first day claimed on. Nothing was downloaded.",
        ]
        for one in self.objects:
            said.append(
                f"{one.outlook}: {one.name} ({one.kind}), {one.diameter:.0f} m across; a change would probably be "
                f"found from about {one.limit:.0f} m on."
            )
        return said

    def as_dict(self) -> dict[str, object]:
        """For ``--json``."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the claim file alone says: the sizes of its objects against what 10 m can show, whatever the dates."""

    site: str
    objects: tuple[ObjectPlan, ...]
    """``too small``, or ``depends on the dates``; the limit is that of the geometry."""

    def lines(self) -> list[str]:
        """The sizes as text."""
        said = [f"{self.site}: the catalogue could not be asked; of the sizes alone:"]
        for one in self.objects:
            said.append(
                f"{one.outlook}: {one.name} ({one.kind}), {one.diameter:.0f} m across; below about {one.limit:.0f} m "
                "such an object cannot show in pixels of 10 m, whatever happened to it."
            )
        return said

    def as_dict(self) -> dict[str, object]:
        """For ``--json``."""
        return asdict(self)


def sizes(claim_file: Path) -> Sizes:
    """What can be said of a claim without its catalogue.

    Raises
    ------
    InputError
    """
    claim, _ = load_claim(claim_file)
    found = []
    for one in claim.objects:
        limit = geometric_limit(one.kind)
        outlook = "too small" if one.diameter < limit else "depends on the dates"
        found.append(ObjectPlan(one.name, one.kind, round(one.diameter, 1), round(limit, 1), outlook))
    return Sizes(claim.watched().name, tuple(found))


def plan(claim_file: Path) -> Plan:
    """Ask the catalogue alone what could be shown of a claim.

    Raises
    ------
    InputError, ServiceError
    """
    claim, folder = load_claim(claim_file)
    site = claim.watched()
    scenes = find_scenes(site, open_source(site, folder))
    before = _clear(scenes, site.before)
    within = _clear(scenes, claim.window)
    later = [scene for scene in scenes if scene.time >= claim.window.end]
    after = _sum_clear(later)
    radar = [scene for scene in scenes if scene.sensor == "sentinel-1"]
    return Plan(
        site=site.name,
        clear_before=before,
        clear_within=within,
        clear_after=after,
        radar_before=sum(site.before.holds(scene.time) for scene in radar),
        radar_after=sum(scene.time >= claim.window.start for scene in radar),
        objects=tuple(_object(one, claim, (before, after)) for one in claim.objects),
    )


def _clear(scenes: tuple[Scene, ...], period: Period) -> float:
    return _sum_clear([scene for scene in scenes if period.holds(scene.time)])


def _sum_clear(scenes: list[Scene]) -> float:
    return round(sum(1 - (s.cloud_share or 0) / 100 for s in scenes if s.sensor == "sentinel-2"), 1)


def _object(one: ClaimedObject, claim: Claim, dates: tuple[float, float]) -> ObjectPlan:
    limit = max(geometric_limit(one.kind), expected_limit(*dates))
    if one.diameter < geometric_limit(one.kind):
        outlook = "too small"
    else:
        outlook = "can be settled" if one.diameter >= limit else "doubtful"
    return ObjectPlan(one.name, one.kind, round(one.diameter, 1), round(limit, 1), outlook)


def expected_limit(before: float, after: float) -> float:
    """Metres across from which a usual structure's loss is found with so many clear dates; infinite without any.

    The change seen is contrast × A/(A + 4πσ²); its standard error is noise × √(1/n₁ + 1/n₂).
    """
    if before < 1 or after < 1:
        return math.inf
    return disc_of_fill(SURE * USUAL_NOISE * math.sqrt(1 / before + 1 / after) / USUAL_CONTRAST)
