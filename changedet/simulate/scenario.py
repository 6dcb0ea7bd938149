"""``Simulation``: what to simulate, and the calendar that follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

import numpy as np
from pyproj import Transformer

from changedet.errors import InputError
from changedet.scene import OrbitDirection, Sensor
from changedet.simulate.facility import Event, Structure
from changedet.simulate.layout import DEPOT, Field, default_structures, greenness
from changedet.site import Period

EPSG = 32637
SUBPIXEL = 2.5
"""Metres; the grid on which the ground is drawn."""
OLD_BASELINE, NEW_BASELINE = "03.01", "04.00"
LOCAL_HOUR = 10.5
"""Mean local solar time of Sentinel-2's descending node."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """A simulated archive; the same values give the same bytes.

    Raises
    ------
    InputError
        If a value is out of range or an event names a structure that is not there.
    """

    seed: int = 0
    start: date = date(2021, 2, 1)
    months: int = 24
    size_m: int = 2560
    """Side of the square archive; the site's circle lies 40 m within."""
    revisit_days: int = 10
    """Sentinel-2: one acquisition in each span of so many days; a multiple of 5."""
    radar_days: int = 12
    cloud_share: float = 0.25
    """Mean share of the sky that clouds cover, 0–1; 0 is never a cloud, 1 always overcast."""
    decoys: bool = True
    """Whether the after-window holds an early harvest, rain and a day of haze."""
    structures: tuple[Structure, ...] | None = None
    """None: the oil facility of the demo."""
    events: tuple[Event, ...] | None = None
    """None: the named events of the demo; an empty tuple: nothing happens."""
    reference_share: float = 2 / 3
    """Share of the months that are the reference period."""
    baseline_change: date | None = None
    """First day of processing baseline 04.00; None: the middle of the simulated time."""
    center: tuple[float, float] = (39.2, 34.05)
    """Longitude, latitude, in UTM zone 37 north."""
    max_shift: float = 0.4
    """Largest geolocation error of an optical date, in pixels of 10 m."""
    sensors: tuple[Sensor, ...] = ("sentinel-2", "sentinel-1")

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated."""
        rules = (
            ("months", self.months, 3 <= self.months <= 120, "3 to 120"),
            (
                "size_m",
                self.size_m,
                self.size_m % 20 == 0 and 400 <= self.size_m <= 6000,
                "a multiple of 20, 400 to 6000",
            ),
            ("revisit_days", self.revisit_days, self.revisit_days in range(5, 61, 5), "a multiple of 5, 5 to 60"),
            ("radar_days", self.radar_days, 6 <= self.radar_days <= 60, "6 to 60"),
            ("cloud_share", self.cloud_share, 0 <= self.cloud_share <= 1, "0 to 1"),
            ("reference_share", self.reference_share, 0 < self.reference_share < 1, "between 0 and 1"),
            ("max_shift", self.max_shift, 0 <= self.max_shift <= 2, "0 to 2 pixels"),
            ("center", self.center, 36 <= self.center[0] <= 42 and 0 < self.center[1] < 84, "in UTM zone 37 north"),
        )
        for name, value, good, want in rules:
            if not good:
                raise InputError(f"simulation: {name} is {value}; it must be {want}")
        known = {structure.id for structure in self.all_structures}
        for event in self.all_events:
            missing = [name for name in event.structures if name not in known]
            if missing:
                raise InputError(f"simulation: event {event.id} names {missing[0]!r}, which is not a structure")

    @property
    def end(self) -> date:
        """First day after the simulated time."""
        return _add_months(self.start, self.months)

    @property
    def before(self) -> Period:
        """The reference period."""
        return Period(first=self.start, last=self._split - timedelta(days=1))

    @property
    def after(self) -> Period:
        """The window asked about."""
        return Period(first=self._split, last=self.end - timedelta(days=1))

    @property
    def _split(self) -> date:
        whole = min(max(round(self.months * self.reference_share), 1), self.months - 1)
        return _add_months(self.start, whole)

    @property
    def switch(self) -> date:
        """First day of processing baseline 04.00."""
        return self.baseline_change or self.start + (self.end - self.start) // 2

    @property
    def all_structures(self) -> tuple[Structure, ...]:
        """Those given, or the demo's."""
        return default_structures() if self.structures is None else self.structures

    @property
    def all_events(self) -> tuple[Event, ...]:
        """Those given, or the demo's, in order of time."""
        if self.events is not None:
            return tuple(sorted(self.events, key=lambda event: (event.on, event.id)))
        return () if self.structures is not None else _default_events(self.after)

    @property
    def origin(self) -> tuple[float, float]:
        """Easting and northing of the upper left corner, snapped to 20 m."""
        east, north = self._to_utm().transform(*self.center)
        half = self.size_m / 2
        return round((east - half) / 20) * 20.0, round((north + half) / 20) * 20.0

    @property
    def middle(self) -> tuple[float, float]:
        """Easting and northing of the centre of the grid, which is the zero of the facility's metres."""
        west, north = self.origin
        return west + self.size_m / 2, north - self.size_m / 2

    @staticmethod
    def _to_utm() -> Transformer:
        return Transformer.from_crs("EPSG:4326", f"EPSG:{EPSG}", always_xy=True)

    def rng(self, *stream: int) -> np.random.Generator:
        """An independent generator; the same numbers for the same seed and stream."""
        return np.random.default_rng([self.seed, *stream])


def _add_months(day: date, months: int) -> date:
    whole = day.year * 12 + day.month - 1 + months
    return date(whole // 12, whole % 12 + 1, min(day.day, 28))


def _default_events(after: Period) -> tuple[Event, ...]:
    days = (after.last - after.first).days

    def day(share: float) -> date:
        return after.first + timedelta(days=round(share * days))

    return (
        Event("depot", "Fuel depot", "demolish", DEPOT, day(0.06), zone="fuel depot"),
        Event("command", "Command building", "demolish", ("command-building",), day(0.13), zone="command installation"),
        Event("pad", "New pad", "build", ("new-pad", "new-pad-shed"), day(0.25)),
        Event("crude", "Crude tank 1", "burn", ("crude-tank-1",), day(0.31), zone="fuel tank"),
    )


@dataclass(frozen=True, slots=True)
class Pass:
    """One acquisition before its pixels are drawn."""

    number: int
    time: datetime
    sensor: Sensor
    platform: str
    relative_orbit: int
    direction: OrbitDirection
    baseline: str = ""
    role: Literal["", "haze", "after rain"] = ""
    """Which decoy it carries."""

    @property
    def id(self) -> str:
        """Like a product name, and saying that it is not one."""
        stamp = self.time.strftime("%Y%m%dT%H%M%S")
        short = self.platform.replace("sentinel-", "S").upper()
        kind = "MSIL2A" if self.sensor == "sentinel-2" else "RTC"
        return f"SIM_{short}_{kind}_{stamp}_R{self.relative_orbit:03d}"


RADAR_ORBITS: tuple[tuple[int, OrbitDirection, int, time], ...] = (
    (116, "ascending", 2, time(15, 4, 30)),
    (123, "descending", 7, time(3, 8, 10)),
)
"""Relative orbit, direction, day of the first pass, time of day in UTC."""


def optical_passes(simulation: Simulation) -> tuple[Pass, ...]:
    """One pass in each revisit span, on the five-day grid that 2A and 2B share."""
    days = (simulation.end - simulation.start).days
    rng = simulation.rng(1)
    slots = simulation.revisit_days // 5
    utc = timedelta(hours=LOCAL_HOUR - simulation.center[0] / 15)
    passes: list[Pass] = []
    for span in range(math.ceil(days / simulation.revisit_days)):
        slot = span * slots + int(rng.integers(slots))
        day = simulation.start + timedelta(days=5 * slot)
        if day >= simulation.end:
            continue
        moment = datetime.combine(day, time(), UTC) + utc
        moment = moment.replace(microsecond=0)
        platform = "sentinel-2a" if slot % 2 == 0 else "sentinel-2b"
        baseline = NEW_BASELINE if day >= simulation.switch else OLD_BASELINE
        passes.append(Pass(len(passes), moment, "sentinel-2", platform, 78, "descending", baseline))
    return _with_decoys(simulation, passes)


def _with_decoys(simulation: Simulation, passes: list[Pass]) -> tuple[Pass, ...]:
    """Give two dates of the after-window the roles of the hazy day and of the day after rain."""
    later = [p.number for p in passes if simulation.after.holds(p.time)]
    if not simulation.decoys or len(later) < 4:
        return tuple(passes)
    roles: dict[int, Literal["haze", "after rain"]] = {
        later[len(later) // 3]: "haze",
        later[2 * len(later) // 3]: "after rain",
    }
    return tuple(_with_role(p, roles[p.number]) if p.number in roles else p for p in passes)


def _with_role(p: Pass, role: Literal["haze", "after rain"]) -> Pass:
    return Pass(p.number, p.time, p.sensor, p.platform, p.relative_orbit, p.direction, p.baseline, role)


def radar_passes(simulation: Simulation) -> tuple[tuple[Pass, ...], ...]:
    """The passes of each relative orbit, in order of time; one satellite."""
    tracks = []
    for orbit, direction, first, clock in RADAR_ORBITS:
        days = range(first, (simulation.end - simulation.start).days, simulation.radar_days)
        tracks.append(
            tuple(
                Pass(
                    number,
                    datetime.combine(simulation.start + timedelta(days=day), clock, UTC),
                    "sentinel-1",
                    "sentinel-1a",
                    orbit,
                    direction,
                )
                for number, day in enumerate(days)
            )
        )
    return tuple(tracks)


def rain_days(simulation: Simulation) -> tuple[tuple[datetime, float], ...]:
    """When it rained and how strongly (0–1): the wet months' showers, and the decoy's the day before its date."""
    rng = simulation.rng(2)
    showers = []
    day = simulation.start - timedelta(days=20)
    while day < simulation.end:
        chance, strength = rng.random(), 0.3 + 0.7 * rng.random()
        if day.month in (11, 12, 1, 2, 3, 4) and chance < 0.045:
            showers.append((datetime.combine(day, time(12), UTC), float(strength)))
        day += timedelta(days=1)
    decoy = [(p.time - timedelta(hours=18), 1.0) for p in optical_passes(simulation) if p.role == "after rain"]
    return tuple(sorted([*showers, *decoy]))


def moisture(rain: tuple[tuple[datetime, float], ...], moment: datetime) -> float:
    """Wetness of bare soil, 0–1: each shower dries with a time constant of three days."""
    wet = sum(
        strength * math.exp(-(moment - fell).total_seconds() / (3 * 86400)) for fell, strength in rain if fell <= moment
    )
    return min(wet, 1.0)


HARVEST_EARLY = 12.0
"""Days by which the decoy's field is cut before its usual time."""


def leaf_cover(simulation: Simulation, fields: tuple[Field, ...], moment: datetime) -> tuple[float, ...]:
    """Leaf cover of each field, 0–1; the last one carries the early harvest in the after-window."""
    day = moment.timetuple().tm_yday
    early = HARVEST_EARLY if simulation.decoys and simulation.after.holds(moment) else 0.0
    last = len(fields) - 1
    return tuple(greenness(f.crop, day - f.delay, early if i == last else 0.0) for i, f in enumerate(fields))


def sun(moment: datetime, longitude: float, latitude: float) -> tuple[float, float]:
    """Azimuth (degrees from north, clockwise) and elevation (degrees) of the sun.

    Declination by Cooper (1969), hour angle from mean solar time; good to about one degree.
    """
    day = moment.timetuple().tm_yday
    declination = math.radians(23.45) * math.sin(2 * math.pi * (284 + day) / 365)
    hours = moment.hour + moment.minute / 60 + moment.second / 3600 + longitude / 15
    angle = math.radians(15 * (hours - 12))
    lat = math.radians(latitude)
    sine = math.sin(lat) * math.sin(declination) + math.cos(lat) * math.cos(declination) * math.cos(angle)
    elevation = math.asin(sine)
    east = -math.cos(declination) * math.sin(angle)
    north = math.cos(lat) * math.sin(declination) - math.sin(lat) * math.cos(declination) * math.cos(angle)
    return math.degrees(math.atan2(east, north)) % 360, math.degrees(elevation)
