"""What a watch writes down: one ``Look`` for each new acquisition, with all that was seen in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field, field_serializer, field_validator

from changedet.values import Frozen

SCHEMA: Literal["changedet-look-1"] = "changedet-look-1"


class Rules(Frozen):
    """By what rules a look was judged; kept with it, so that a later change of rules rewrites no history."""

    alarms_per_year: float = Field(
        default=1, ge=0.01, le=50, description="false alarms a site and year, at most, in the mean"
    )
    window_days: int = Field(
        default=180, ge=20, le=1000, description="days back from each acquisition in which a change is looked for"
    )
    confirm_days: int = Field(
        default=60, ge=1, le=1000, description="days after which a place that nothing confirmed is withdrawn"
    )
    misses: int = Field(
        default=2, ge=1, le=20, description="clear acquisitions in a row without it, after which a place is withdrawn"
    )


class Sighting(Frozen):
    """One detection of one look."""

    polygon: dict[str, Any]
    """GeoJSON geometry in longitude, latitude."""
    centroid: tuple[float, float]
    area: float
    """m²."""
    p_value: float
    kind: str
    onset_after: datetime | None
    onset_before: datetime | None
    zone: str | None = None
    stacks: tuple[str, ...] = ()
    """Keys of the stacks that measured it."""
    scenes: tuple[str, ...] = ()
    """Ids of the scenes that show it."""
    number: int = 1
    """Of the detection in the report of its look."""


class Look(Frozen):
    """One new acquisition of one site, and what the map up to it showed. Never changed once written."""

    format: Literal["changedet-look-1"] = SCHEMA
    site: str
    title: str
    """Name of the site."""
    center: tuple[float, float]
    """Longitude, latitude of its middle."""
    attribution: str
    simulated: bool = False
    number: int = Field(ge=1)
    """1, 2, 3 … in the order in which the looks were taken."""
    time: datetime
    """Of the acquisition, UTC; of a late one, the time of the newest acquisition known by then."""
    stack: str
    """Key of the stack that it belongs to."""
    scenes: tuple[str, ...]
    """Ids of the scenes of the acquisition."""
    rules: Rules
    used: bool
    """Whether it shows enough of the facility; if not, nothing was tested and nothing spent."""
    clear: float | None = None
    """Share of the facility that it shows."""
    reason: str | None = None
    """Why it was not used."""
    alpha: float = 0.0
    """False alarms that this look may make, in the mean."""
    pieces: int = 0
    """Pieces of flagged pixels that were tested."""
    observable: float | None = None
    """Share of the area that the map could judge."""
    sightings: tuple[Sighting, ...] = ()
    views: Mapping[str, float] = Field(default_factory=dict)
    """By id of each open place, the share of its outline that this acquisition shows."""
    run: str | None = None
    """Id of the run folder with the report, where this look changed the state of a place."""
    failures: int = 0
    """Assets of earlier scenes that could not be read this time."""

    @field_validator("views")
    @classmethod
    def _frozen(cls, value: Mapping[str, float]) -> Mapping[str, float]:
        return MappingProxyType(dict(value))

    @field_serializer("views")
    def _plain(self, value: Mapping[str, float]) -> dict[str, float]:
        return dict(value)

    @property
    def threshold(self) -> float:
        """p-value up to which a new place is reported."""
        return self.alpha / max(self.pieces, 1)

    @property
    def name(self) -> str:
        """Name of its file, without ending; in order of number."""
        return f"{self.number:05d}-{self.time:%Y%m%dT%H%M%SZ}-{self.stack}"
