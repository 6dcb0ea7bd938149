"""From looks to places: what was reported, what confirmed it, what was taken back.

``provisional``: a look found it within the false-alarm budget, at least one acquisition shows it by itself, and no
earlier place lies there.
``confirmed``: an acquisition that was not part of that look shows it too, of either sensor.
``withdrawn``: clear acquisitions in a row no longer show it, or nothing confirmed it in time.

A place is the fold of its looks; nothing here reads a clock, a setting or a file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from changedet.watch.records import Look, Sighting

State = Literal["provisional", "confirmed", "withdrawn"]

OVERLAP = 0.2
"""Of the smaller of two outlines: from here on they are one place."""
SEEN = 0.5
"""Share of a place's outline that an acquisition must show to speak against it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One state that a place came into, as it was then."""

    state: State
    look: int
    """Number of the look."""
    time: datetime
    """Of the look."""
    sighting: Sighting
    """The place as last seen at that time."""
    run: str | None
    """Run folder of that look."""
    reason: str


@dataclass(frozen=True, slots=True)
class Place:
    """One place that changed, over all looks."""

    id: str
    history: tuple[Entry, ...]
    sighting: Sighting
    """As last seen."""
    flagged: datetime
    """Time of the last look that flagged it."""
    misses: int = 0
    closed: bool = False
    """Not looked for any more: withdrawn, or older than the window of the map."""

    @property
    def state(self) -> State:
        """The present state."""
        return self.history[-1].state

    @property
    def raised(self) -> datetime:
        """Time of the look that reported it first."""
        return self.history[0].time


@dataclass(frozen=True, slots=True)
class Ledger:
    """All that is known of a site from its looks."""

    looks: tuple[Look, ...] = ()
    places: tuple[Place, ...] = ()
    """In order of their first report."""
    scenes: frozenset[str] = field(default_factory=frozenset)
    """Ids of all scenes that some look was about."""

    @property
    def open(self) -> tuple[Place, ...]:
        """Places that the next look must be matched with."""
        return tuple(place for place in self.places if not place.closed)


def fold(looks: Iterable[Look]) -> Ledger:
    """The ledger of looks in order of time."""
    ledger = Ledger()
    for look in looks:
        ledger = after(ledger, look)
    return ledger


def after(ledger: Ledger, look: Look) -> Ledger:
    """The ledger once a look is added to it."""
    met = {place.id: _meeting(place, look.sightings) for place in ledger.open}
    places = [_again(place, look, met[place.id]) if not place.closed else place for place in ledger.places]
    known = {id(sighting) for sightings in met.values() for sighting in sightings}
    fresh = [s for s in look.sightings if id(s) not in known and _reportable(s, look)]
    for number, sighting in enumerate(fresh, start=1):
        why = "more change than the false-alarm budget allows for chance"
        entry = Entry("provisional", look.number, look.time, sighting, look.run, why)
        places.append(Place(f"{look.time:%Y%m%d}-{look.number}-{number}", (entry,), sighting, look.time))
    return Ledger((*ledger.looks, look), tuple(places), ledger.scenes | frozenset(look.scenes))


def _reportable(sighting: Sighting, look: Look) -> bool:
    """Within the budget, and shown by at least one acquisition by itself, which a reader can then be shown."""
    return look.used and bool(sighting.scenes) and sighting.p_value <= look.threshold


def changes(ledger: Ledger, number: int) -> tuple[tuple[Place, Entry], ...]:
    """The states that places came into by the look of that number."""
    return tuple((place, entry) for place in ledger.places for entry in place.history if entry.look == number)


def _again(place: Place, look: Look, sightings: tuple[Sighting, ...]) -> Place:
    if sightings:
        best = min(sightings, key=lambda sighting: (sighting.p_value, sighting.number))
        place = replace(place, sighting=best, flagged=look.time, misses=0)
        shown = {scene for sighting in sightings for scene in sighting.scenes}
        if place.state == "provisional" and look.used and shown & set(look.scenes):
            return _entered(place, "confirmed", look, f"a further acquisition shows it, of {look.stack}")
    elif look.used and look.views.get(place.id, 0.0) >= SEEN:
        place = replace(place, misses=place.misses + 1)
        if place.state == "provisional" and place.misses >= look.rules.misses:
            return _entered(place, "withdrawn", look, f"{place.misses} clear acquisitions in a row do not show it")
    days = look.rules.confirm_days
    if place.state == "provisional" and look.time - place.raised > timedelta(days=days):
        return _entered(place, "withdrawn", look, f"nothing confirmed it in {days} days")
    gone = look.time - place.flagged > timedelta(days=look.rules.window_days)
    return replace(place, closed=True) if gone else place


def _entered(place: Place, state: State, look: Look, reason: str) -> Place:
    entry = Entry(state, look.number, look.time, place.sighting, look.run, reason)
    return replace(place, history=(*place.history, entry), closed=state == "withdrawn")


def _meeting(place: Place, sightings: tuple[Sighting, ...]) -> tuple[Sighting, ...]:
    if not sightings:
        return ()
    outlines = [_outline(place.sighting), _outline(place.history[0].sighting)]
    return tuple(s for s in sightings if any(overlap(_outline(s), outline) >= OVERLAP for outline in outlines))


def overlap(one: BaseGeometry, other: BaseGeometry) -> float:
    """Shared area over the area of the smaller; 0 where either is empty. Degrees do, for a ratio of near areas."""
    least = min(one.area, other.area)
    return float(shapely.intersection(one, other).area / least) if least > 0 else 0.0


def _outline(sighting: Sighting) -> BaseGeometry:
    return shapely.make_valid(shape(sighting.polygon))
