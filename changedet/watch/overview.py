"""``index.html`` of an archive: every site with its state, on one static page that asks nobody for anything.

It opens from disk and from any web server. Without its script it is a complete table; the script filters and sorts it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from markupsafe import Markup

from changedet.report.engine import environment, script_hash
from changedet.report.words import count, day, instant, kind_words
from changedet.store import write_where_new
from changedet.watch.ledger import Date, Known, Summary
from changedet.watch.status import Checked, SiteStatus, statuses
from changedet.watch.worldmap import Spot, WorldMap, world_map

NAME = "index.html"
TEMPLATES = Path(__file__).parent / "templates"
SPAN = timedelta(days=365)
"""Back from the newest acquisition of the archive: what the lines of dates show."""
LINE = (146, 22)
"""Width and height of a line of dates."""
STATES = ("confirmed", "provisional", "quiet", "waiting", "failed", "never looked at")
"""In order of how much they want to be read."""
WORDS = {
    "confirmed": "Change confirmed",
    "provisional": "Change, not yet confirmed",
    "quiet": "No change found",
    "waiting": "Waiting for an image",
    "failed": "Not checked",
    "never looked at": "Not looked at yet",
}
RECENT = 3
"""Places that a row names; the others are counted."""


@dataclass(frozen=True, slots=True)
class Told:
    """One place in a row."""

    state: str
    text: str
    href: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """One site, set for reading."""

    id: str
    title: str
    state: str
    word: str
    rank: int
    """Order of states."""
    problem: str | None
    change: str
    change_key: str
    """Sorts as text."""
    image: str
    image_key: str
    clear: str
    clear_key: str
    usable: int
    """Usable acquisitions within the span."""
    taken: int
    line_used: str
    """SVG path of ticks: acquisitions that could be used."""
    line_other: str
    line_changes: tuple[float, ...]
    """Positions of first reports."""
    told: tuple[Told, ...]
    more: int
    report: str | None
    simulated: bool
    spot: Spot | None


def write_overview(archive: Path, known: Sequence[Summary], checked: Sequence[Checked]) -> None:
    """Write ``index.html`` whole, where it says something new.

    Raises
    ------
    OutputError
    """
    write_where_new(archive / NAME, html(known, checked).encode())


def html(known: Sequence[Summary], checked: Sequence[Checked]) -> str:
    """The page as text."""
    script = (TEMPLATES / "overview.js").read_text("utf-8")
    by_id = {summary.site: summary for summary in known}
    last = max((date.time for summary in known for date in summary.dates), default=None)
    atlas = world_map({summary.site: summary.center for summary in known})
    rows = [_row(row, by_id.get(row.site), last, atlas) for row in statuses(known, checked)]
    rows.sort(key=lambda row: (row.rank, _newest_first(row.change_key), row.title.casefold(), row.id))
    states = [(state, WORDS[state], n) for state in STATES if (n := sum(row.state == state for row in rows))]
    return (
        environment(TEMPLATES)
        .get_template("overview.html.j2")
        .render(
            css=Markup((TEMPLATES / "overview.css").read_text("utf-8")),
            script=Markup(script),
            script_hash=script_hash(script),
            rows=rows,
            states=states,
            atlas=atlas,
            line=LINE,
            span="" if last is None else f"{day(last - SPAN)} – {day(last)}",
            last="" if last is None else instant(last),
            lead=_lead(rows),
            simulated=any(row.simulated for row in rows),
            attributions=sorted({summary.attribution for summary in known if summary.attribution}),
        )
    )


def _lead(rows: Sequence[Row]) -> str:
    """The first sentence: how many sites show change, and how many nobody could look at."""
    if not rows:
        return "Nothing has been looked at yet."
    changed = sum(row.state in ("confirmed", "provisional") for row in rows)
    unseen = sum(row.state in ("failed", "waiting", "never looked at") for row in rows)
    some = f"{changed:,} of {count(len(rows), 'site')} {'shows' if changed == 1 else 'show'} change"
    lead = some if changed else f"No change found at {count(len(rows) - unseen, 'site')}"
    return f"{lead}; {unseen:,} could not be checked in full." if unseen else f"{lead}."


def _newest_first(key: str) -> tuple[int, ...]:
    return tuple(-ord(c) for c in key) if key else (0,)


def _row(status: SiteStatus, summary: Summary | None, last: datetime | None, atlas: WorldMap) -> Row:
    dates = summary.dates if summary else ()
    used, other = _ticks(dates, last)
    standing = tuple(reversed(summary.standing)) if summary else ()
    recent = [date for date in dates if last is not None and date.time > last - SPAN]
    return Row(
        id=status.site,
        title=status.title,
        state=status.state,
        word=WORDS[status.state],
        rank=STATES.index(status.state),
        problem=status.problem,
        change=_day(status.last_change),
        change_key=_key(status.last_change),
        image=_day(status.last_image),
        image_key=_key(status.last_image),
        clear=_day(status.last_clear),
        clear_key=_key(status.last_clear),
        usable=sum(date.used for date in recent),
        taken=len(recent),
        line_used=used,
        line_other=other,
        line_changes=_changes(standing, last),
        told=tuple(_told(status.site, place) for place in standing[:RECENT]),
        more=max(0, len(standing) - RECENT),
        report=None
        if summary is None or summary.last_run is None
        else f"{summary.site}/{summary.last_run}/report.html",
        simulated=summary.simulated if summary else False,
        spot=atlas.spots.get(status.site),
    )


def _day(moment: datetime | None) -> str:
    return "–" if moment is None else day(moment)


def _key(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y%m%d%H%M%S}"


def _at(moment: datetime, last: datetime) -> float | None:
    """Where an instant lies on the line of dates; None before its beginning."""
    share = 1 - (last - moment) / SPAN
    return round(1 + share * (LINE[0] - 2), 1) if share >= 0 else None


def _ticks(dates: Sequence[Date], last: datetime | None) -> tuple[str, str]:
    """Paths of the usable acquisitions, tall, and of the others, short."""
    used, other = [], []
    for date in dates:
        x = None if last is None else _at(date.time, last)
        if x is None:
            continue
        if date.used:
            used.append(f"M{x:g} 4V18")
        else:
            other.append(f"M{x:g} 15V18")
    return "".join(used), "".join(other)


def _changes(places: Sequence[Known], last: datetime | None) -> tuple[float, ...]:
    if last is None:
        return ()
    found = (_at(place.history[0].time, last) for place in places)
    return tuple(sorted({x for x in found if x is not None}))


def _told(site: str, place: Known) -> Told:
    said = place.history[-1]
    first = place.history[0]
    where = f"{said.zone}: " if said.zone else ""
    run = said.run or first.run
    return Told(
        said.state,
        f"{where}{said.area:,.0f} m², {kind_words(said.kind)}, first seen {day(first.time)}",
        None if run is None else f"{site}/{run}/report.html#place-{said.number}",
    )
