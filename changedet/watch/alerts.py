"""What is to be said of an archive, to whom, and what was said already.

An alert is one state that one place came into. All alerts follow from the looks in the archive, so none can be lost:
what is still to be sent is what the looks hold less what is marked as sent. A mark is a file,
``alerts/<channel>/<key>.json``; the key is made of site, place and state. A channel is called before its mark is
written: who is killed between the two sends the same key again, which the receiver can tell (``Idempotency-Key``,
``Message-ID``).

A channel is one file of this room with a class that has a ``name`` and a method ``send``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from changedet.errors import ChangedetError
from changedet.regions import Onset
from changedet.report.content import NOT_VALIDATED
from changedet.report.plain import json_bytes
from changedet.report.words import bracket, day, kind_words
from changedet.store import write_bytes
from changedet.watch.journal import Journal
from changedet.watch.ledger import Known, Said, Summary
from changedet.watch.places import State

FOLDER = "alerts"
SEEN_BEFORE = "before-this-channel"
Publish = Callable[[Path], None]
"""Called with each file that was written into the archive."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One state of one place, to be told once."""

    key: str
    """The same for the same site, place and state, for ever."""
    site: str
    title: str
    """Name of the site."""
    place: str
    state: State
    time: datetime
    """Of the acquisition that brought it about, UTC."""
    headline: str
    sentence: str
    kind: str
    area: float
    """m²."""
    p_value: float
    lon: float
    lat: float
    onset_after: datetime | None
    onset_before: datetime | None
    zone: str | None
    stacks: tuple[str, ...]
    report: str | None
    """Address of the report: relative to the archive, or under the configured link."""
    attribution: str
    simulated: bool
    test: bool = False


class Channel(Protocol):
    """A way to tell people or programs."""

    name: str
    """Lower-case letters; names the folder of its marks."""

    def send(self, alert: Alert) -> None:
        """Tell once; calling it again with the same ``alert.key`` must do no harm.

        Raises
        ------
        ServiceError
            When it could not be told now; it will be tried again.
        InputError
            When the settings are wrong.
        """
        ...


def key_of(site: str, place: str, state: str) -> str:
    """The idempotency key of an alert."""
    return hashlib.sha256(f"{site}\n{place}\n{state}".encode()).hexdigest()[:32]


def alerts_of(summaries: Iterable[Summary], link: str | None = None) -> list[Alert]:
    """All alerts of an archive, in order of time, then site and place."""
    found = [_alert(site, place, said, link) for site in summaries for place in site.places for said in place.history]
    return sorted(found, key=lambda alert: (alert.time, alert.site, alert.place, alert.key))


def _alert(summary: Summary, place: Known, said: Said, link: str | None) -> Alert:
    report = None if said.run is None else f"{summary.site}/{said.run}/report.html"
    if report is not None and link is not None:
        report = f"{link.rstrip('/')}/{report}"
    return Alert(
        key=key_of(summary.site, place.id, said.state),
        site=summary.site,
        title=summary.title,
        place=place.id,
        state=said.state,
        time=said.time,
        headline=_headline(summary, said),
        sentence=_sentence(said),
        kind=said.kind,
        area=said.area,
        p_value=said.p_value,
        lon=said.centroid[0],
        lat=said.centroid[1],
        onset_after=said.onset_after,
        onset_before=said.onset_before,
        zone=said.zone,
        stacks=said.stacks,
        report=report,
        attribution=summary.attribution,
        simulated=summary.simulated,
    )


_STATES: Mapping[State, str] = {
    "provisional": "change seen, not yet confirmed",
    "confirmed": "change confirmed",
    "withdrawn": "change withdrawn",
}


def _headline(summary: Summary, said: Said) -> str:
    where = f"{summary.title}, {said.zone}" if said.zone else summary.title
    return f"{'SIMULATED: ' if summary.simulated else ''}{where}: {_STATES[said.state]}"


def _sentence(said: Said) -> str:
    when = bracket(Onset(said.onset_after, said.onset_before))
    what = f"{said.area:,.0f} m² near {said.centroid[1]:.5f}, {said.centroid[0]:.5f} changed {when}"
    told = {
        "provisional": "This is provisional until a further acquisition shows it too.",
        "confirmed": f"Confirmed on {day(said.time)}: {said.reason}.",
        "withdrawn": f"Withdrawn on {day(said.time)}: {said.reason}.",
    }
    return f"{what}, {kind_words(said.kind)}. {told[said.state]} {NOT_VALIDATED}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of sending."""

    sent: int
    pending: int
    """Alerts that are still to be sent, by all channels together."""
    problem: ChangedetError | None = None
    """The first that went wrong."""


def nowhere_else(path: Path) -> None:
    """For an archive that lies here: what was written is where it belongs."""


def deliver(
    archive: Path,
    alerts: Sequence[Alert],
    channels: Iterable[Channel],
    journal: Journal,
    stop: Callable[[], bool],
    publish: Publish = nowhere_else,
) -> Delivery:
    """Send what was not sent, in order of time; a channel that fails once rests until the next pass.

    A channel that is new to an archive with a history is not told the history. Each mark is handed to ``publish``.

    Raises
    ------
    OutputError
        When a mark cannot be written.
    """
    sent = pending = 0
    problem: ChangedetError | None = None
    for channel in channels:
        waiting = list(_unsent(archive, alerts, channel))
        pending += len(waiting)
        for alert in waiting:
            if stop():
                break
            try:
                channel.send(alert)
            except ChangedetError as error:
                problem = problem or error
                journal("alert-failed", {"channel": channel.name, "key": alert.key, "problem": str(error)})
                break
            publish(_mark(archive, channel, alert, "sent"))
            sent, pending = sent + 1, pending - 1
            journal("alert", {"channel": channel.name, "site": alert.site, "place": alert.place, "state": alert.state})
    return Delivery(sent, pending, problem)


def _unsent(archive: Path, alerts: Sequence[Alert], channel: Channel) -> Iterator[Alert]:
    folder = archive / FOLDER / channel.name
    return (alert for alert in alerts if not (folder / f"{alert.key}.json").exists())


def begin(archive: Path, alerts: Sequence[Alert], channels: Iterable[Channel], publish: Publish = nowhere_else) -> None:
    """Before the looks of a pass: a channel that this archive does not know yet is not told what happened before it.

    Each mark is handed to ``publish``.

    Raises
    ------
    OutputError
    """
    for channel in channels:
        known = archive / FOLDER / f"{channel.name}.json"
        if known.exists():
            continue
        for alert in alerts:
            publish(_mark(archive, channel, alert, SEEN_BEFORE))
        write_bytes(known, json_bytes({"channel": channel.name}))
        publish(known)


def _mark(archive: Path, channel: Channel, alert: Alert, how: str) -> Path:
    mark = {"key": alert.key, "site": alert.site, "place": alert.place, "state": alert.state, "how": how}
    path = archive / FOLDER / channel.name / f"{alert.key}.json"
    write_bytes(path, json_bytes(mark))
    return path


def sample_alert(moment: datetime) -> Alert:
    """An alert that says that it is none."""
    stamp = f"{moment:%Y%m%dT%H%M%SZ}"
    return Alert(
        key=key_of("test", stamp, "provisional"),
        site="test",
        title="Test",
        place=stamp,
        state="provisional",
        time=moment,
        headline="TEST: this is how an alert of changedet arrives",
        sentence="Nothing happened. Someone ran `changedet alerts test`.",
        kind="unknown",
        area=0.0,
        p_value=1.0,
        lon=0.0,
        lat=0.0,
        onset_after=None,
        onset_before=None,
        zone=None,
        stacks=(),
        report=None,
        attribution="no imagery",
        simulated=True,
        test=True,
    )
