"""The looks of one site on disk, and what follows from them.

``<site>/looks/00012-20220705T074500Z-sentinel-2.json`` in the archive is written once, and ``<site>/watch.json`` is the
fold of all of them, for programs and for the next pass; it is made again whenever it does not fit them.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from changedet.errors import InputError
from changedet.report.plain import json_bytes
from changedet.store import write_bytes
from changedet.values import Frozen
from changedet.watch.places import Entry, Ledger, Place, State, fold
from changedet.watch.records import Look

LOOKS = "looks"
SUMMARY = "watch.json"
_LOOK = TypeAdapter(Look)


class Date(Frozen):
    """One acquisition in the history of a site."""

    time: datetime
    stack: str
    clear: float | None
    used: bool


class Said(Frozen):
    """One state of one place as alerts say it."""

    state: State
    look: int
    time: datetime
    run: str | None
    reason: str
    kind: str
    area: float
    p_value: float
    centroid: tuple[float, float]
    onset_after: datetime | None
    onset_before: datetime | None
    zone: str | None
    stacks: tuple[str, ...]
    number: int


class Known(Frozen):
    """One place and all its states."""

    id: str
    closed: bool
    history: tuple[Said, ...]

    @property
    def state(self) -> State:
        """The present state."""
        return self.history[-1].state


class Summary(Frozen):
    """``watch.json``: all that pages, alerts and the next pass need to know of a site."""

    format: str = "changedet-watch-1"
    site: str
    title: str
    center: tuple[float, float]
    """Longitude, latitude."""
    looks: int
    simulated: bool = False
    attribution: str = ""
    observable: float | None = None
    """Share of the area that the last map could judge."""
    last_run: str | None = None
    """The last run folder with a report."""
    scenes: tuple[str, ...] = ()
    """Ids of the scenes that looks were about, in order of looks."""
    dates: tuple[Date, ...] = ()
    places: tuple[Known, ...] = ()

    @property
    def last(self) -> Date | None:
        """The newest acquisition."""
        return max(self.dates, key=lambda date: date.time, default=None)

    @property
    def last_clear(self) -> Date | None:
        """The newest acquisition that could be used."""
        return max((date for date in self.dates if date.used), key=lambda date: date.time, default=None)

    @property
    def standing(self) -> tuple[Known, ...]:
        """Places that changed and were not taken back."""
        return tuple(place for place in self.places if place.state != "withdrawn")

    @property
    def last_change(self) -> Said | None:
        """The newest first report of a place that still stands."""
        return max((place.history[0] for place in self.standing), key=lambda said: said.time, default=None)


def read_looks(folder: Path) -> tuple[Look, ...]:
    """All looks of the site in ``folder``, in order.

    Raises
    ------
    InputError
        Naming the file that is damaged, or the number that is missing: a history with a gap is none.
    """
    looks: list[Look] = []
    for number, path in enumerate(look_files(folder), start=1):
        try:
            look = _LOOK.validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise InputError(
                f"{path}: cannot be read as a look ({str(error).splitlines()[0]}); restore it from a backup, or remove "
                "the folder of looks to have the site's history made again"
            ) from error
        if look.number != number:
            raise InputError(f"{path}: is look {look.number}, but look {number} is missing; restore it from a backup")
        looks.append(look)
    return tuple(looks)


def look_files(folder: Path) -> list[Path]:
    """The files of all looks of the site in ``folder``, in order."""
    return sorted(path for path in (folder / LOOKS).glob("*.json") if not path.name.startswith("."))


def write_look(folder: Path, look: Look) -> Path:
    """Add a look; its file. From here on it has happened.

    Raises
    ------
    OutputError
    """
    path = folder / LOOKS / f"{look.name}.json"
    write_bytes(path, json_bytes(look))
    return path


def summarise(ledger: Ledger) -> Summary:
    """The summary of a ledger that holds at least one look."""
    newest = ledger.looks[-1]
    runs = [look.run for look in ledger.looks if look.run]
    maps = [look.observable for look in ledger.looks if look.observable is not None]
    return Summary(
        site=newest.site,
        title=newest.title,
        center=newest.center,
        looks=len(ledger.looks),
        simulated=any(look.simulated for look in ledger.looks),
        attribution=newest.attribution,
        observable=maps[-1] if maps else None,
        last_run=runs[-1] if runs else None,
        scenes=tuple(scene for look in ledger.looks for scene in look.scenes),
        dates=tuple(Date(time=look.time, stack=look.stack, clear=look.clear, used=look.used) for look in ledger.looks),
        places=tuple(_known(place) for place in ledger.places),
    )


def _known(place: Place) -> Known:
    return Known(id=place.id, closed=place.closed, history=tuple(_said(entry) for entry in place.history))


def _said(entry: Entry) -> Said:
    s = entry.sighting
    return Said(
        state=entry.state,
        look=entry.look,
        time=entry.time,
        run=entry.run,
        reason=entry.reason,
        kind=s.kind,
        area=s.area,
        p_value=s.p_value,
        centroid=s.centroid,
        onset_after=s.onset_after,
        onset_before=s.onset_before,
        zone=s.zone,
        stacks=s.stacks,
        number=s.number,
    )


def write_summary(folder: Path, summary: Summary) -> Path:
    """Write ``watch.json`` whole; its path.

    Raises
    ------
    OutputError
    """
    write_bytes(folder / SUMMARY, json_bytes(summary))
    return folder / SUMMARY


def read_summary(folder: Path) -> Summary | None:
    """The summary of the site in ``folder``, made again from its looks where the file does not fit them.

    None before the first look.

    Raises
    ------
    InputError, OutputError
    """
    files = len(look_files(folder))
    if not files:
        return None
    try:
        summary = Summary.model_validate_json((folder / SUMMARY).read_bytes())
        if summary.looks == files:
            return summary
    except (OSError, ValidationError):
        pass
    summary = summarise(fold(read_looks(folder)))
    write_summary(folder, summary)
    return summary
