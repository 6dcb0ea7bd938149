"""``Verdict``: what the evidence says of a named zone or a claimed object.

The words are "change consistent with", never a cause or an actor (Berkeley Protocol on Digital Open Source
Investigations, 2022, on stating what the material shows).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from changedet.objects.finding import ALPHA, Reason, StackFinding
from changedet.regions import Detection
from changedet.site import Site, Zone
from changedet.stack import geobox_of, ring_mask

Outcome = Literal["supported", "contradicted", "inconclusive"]
LEAST_OBSERVABLE = 0.5
STRUCTURAL = frozenset({"structure removed", "structure built", "burnt or sooted", "unknown"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one zone or claimed object."""

    subject: str
    outcome: Outcome
    sentence: str
    reasons: tuple[Reason, ...] = ()
    p_intact: float | None = None
    p_claimed: float | None = None
    power: float | None = None
    smallest_diameter: float | None = None
    """Metres: the smallest object that this site could have shown."""
    date_first: datetime | None = None
    date_last: datetime | None = None
    """95 % interval of the date of the change, UTC; None where none was found."""
    bracket_after: datetime | None = None
    bracket_before: datetime | None = None
    """Last image consistent with "before", first consistent with "after", UTC."""
    scenes: tuple[str, ...] = ()
    """Ids of the scenes that show it."""
    stacks: tuple[StackFinding, ...] = ()
    """What each stack says by itself."""
    controls: tuple[tuple[float, float], ...] = ()
    """Longitude, latitude of the places that it was compared with."""
    needed: str = ""
    """What image would settle it, where it is inconclusive."""


def zone_verdicts(site: Site, detections: Iterable[Detection], change: xr.Dataset, limit: float) -> tuple[Verdict, ...]:
    """For each zone of the site: did something in it change structurally within the after-window?

    Supported when a structural detection with p ≤ 0.01 meets the zone; else inconclusive, with the reasons. Nothing
    is ever contradicted here: that needs the power of a test for a claimed object.

    Parameters
    ----------
    detections : of one run; no two of them share a pixel
    change : ChangeMap of the site
    limit : metres, the diameter of the smallest object that the sensors can show
    """
    found = tuple(detections)
    numbers = _numbers(found, change)
    verdicts = []
    for zone in site.zones:
        inside = zone_mask(zone, change)
        here = [found[number - 1] for number in np.unique(numbers[inside]) if number]
        seen = float(change.observable.values[inside].mean()) if inside.any() else 0.0
        verdicts.append(_zone_verdict(zone, here, seen, limit))
    return tuple(verdicts)


def _zone_verdict(zone: Zone, here: list[Detection], seen: float, limit: float) -> Verdict:
    """The verdict of a zone that these detections meet, and of which this share is observable."""
    structural = [d for d in here if d.kind in STRUCTURAL and d.p_value <= ALPHA]
    if structural:
        best = min(structural, key=lambda d: d.p_value)
        what = "" if best.kind == "unknown" else f" consistent with “{best.kind}”"
        return Verdict(
            zone.name,
            "supported",
            f"{zone.name}: change{what} in the period asked about; see detection {best.number}.",
            p_intact=best.p_value,
            smallest_diameter=limit,
        )
    reasons: list[Reason] = []
    if seen < LEAST_OBSERVABLE:
        reasons.append("clouded")
    if zone.diameter < limit:
        reasons.append("below-detection-limit")
    if here:
        reasons.append("changed-otherwise")
    why = {
        "clouded": "too little of it was seen",
        "below-detection-limit": f"it is smaller than the {limit:.0f} m that these images can show",
        "changed-otherwise": f"something changed, but it looks like “{here[0].kind}”" if here else "",
    }
    text = (
        "; ".join(why[reason] for reason in reasons)
        or "no structural change was found, which does not prove that none took place"
    )
    return Verdict(zone.name, "inconclusive", f"{zone.name}: {text}.", tuple(reasons), smallest_diameter=limit)


def zone_mask(zone: Zone, change: xr.Dataset) -> NDArray[np.bool_]:
    """Pixels of the grid that a zone touches: bool (y, x)."""
    return ring_mask(zone.ring(), geobox_of(change))


def _numbers(detections: tuple[Detection, ...], change: xr.Dataset) -> NDArray[np.int32]:
    """For each pixel the place, from 1, of the detection that covers it, 0 where none does: (y, x); none overlap."""
    import shapely.geometry
    from odc.geo.geom import Geometry
    from rasterio.features import rasterize

    geobox = geobox_of(change)
    shapes = []
    for number, detection in enumerate(detections, 1):
        outline = Geometry(shapely.geometry.shape(dict(detection.polygon)), "EPSG:4326").to_crs(str(geobox.crs))
        shapes.append((outline.geom, number))
    numbers = np.zeros(geobox.shape, np.int32)
    if shapes:
        rasterize(shapes, out=numbers, transform=geobox.transform)
    return numbers
