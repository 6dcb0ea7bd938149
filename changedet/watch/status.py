"""What is known of each site and how old it is: from the archive, and from the word of the last pass.

``watch-pass.json`` is the one file of the archive that holds times of running; nothing else depends on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from changedet.errors import InputError
from changedet.report.plain import json_bytes
from changedet.report.words import day
from changedet.store import write_bytes, write_text
from changedet.values import Frozen
from changedet.watch.ledger import LOOKS, Summary, read_summary

PASS = "watch-pass.json"


class Checked(Frozen):
    """One site file in the last pass."""

    file: str
    time: datetime
    site: str | None = None
    """None where the file could not be read."""
    title: str | None = None
    code: int = 0
    """Exit code of what went wrong; 0 where nothing did."""
    problem: str | None = None
    looks: int = 0
    changes: int = 0
    waiting: str | None = None
    """Why a new acquisition waits."""


class Pass(Frozen):
    """The last pass over all sites."""

    started: datetime | None = None
    ended: datetime | None = None
    pending: int = 0
    """Alerts still to be sent."""
    sites: tuple[Checked, ...] = ()


def write_pass(archive: Path, done: Pass) -> None:
    """Write ``watch-pass.json`` whole.

    Raises
    ------
    OutputError
    """
    write_bytes(archive / PASS, json_bytes(done))


def read_pass(archive: Path) -> Pass:
    """The last pass; an empty one where nothing is known of it."""
    try:
        return Pass.model_validate_json((archive / PASS).read_bytes())
    except (OSError, ValidationError):
        return Pass()


def summaries(archive: Path) -> list[Summary]:
    """The summary of every site of an archive that was looked at, by id; damaged ones are left out.

    Raises
    ------
    OutputError
    """
    found: list[Summary] = []
    for folder in sorted(path.parent for path in archive.glob(f"*/{LOOKS}") if path.is_dir()):
        try:
            summary = read_summary(folder)
        except InputError:
            continue  # told by the pass, which reads the same files
        if summary is not None:
            found.append(summary)
    return found


@dataclass(frozen=True, slots=True)
class SiteStatus:
    """What is known of one site."""

    site: str
    title: str
    state: str
    """``quiet``, ``provisional``, ``confirmed``, ``waiting``, ``failed`` or ``never looked at``."""
    problem: str | None
    looks: int
    last_image: datetime | None
    last_clear: datetime | None
    last_change: datetime | None
    places: Mapping[str, int]
    """Number by state."""
    checked: datetime | None
    """When a pass last came by."""


def statuses(known: Iterable[Summary], sites: Iterable[Checked]) -> list[SiteStatus]:
    """Sites by id: those that were looked at, and those that the last pass knows of."""
    by_id = {summary.site: summary for summary in known}
    checked = {one.site or one.file: one for one in sites}
    return [_status(name, by_id.get(name), checked.get(name)) for name in sorted({*by_id, *checked})]


def _status(name: str, summary: Summary | None, checked: Checked | None) -> SiteStatus:
    states = [place.state for place in summary.places] if summary else []
    last, clear = (summary.last, summary.last_clear) if summary else (None, None)
    change = summary.last_change if summary else None
    return SiteStatus(
        site=name,
        title=summary.title if summary else (checked.title if checked and checked.title else name),
        state=_word(summary, checked),
        problem=(checked.problem or checked.waiting) if checked else None,
        looks=summary.looks if summary else 0,
        last_image=last.time if last else None,
        last_clear=clear.time if clear else None,
        last_change=change.time if change else None,
        places={state: states.count(state) for state in ("provisional", "confirmed", "withdrawn")},
        checked=checked.time if checked else None,
    )


def _word(summary: Summary | None, checked: Checked | None) -> str:
    if checked is not None and checked.code:
        return "failed"
    if summary is None:
        return "never looked at"
    standing = {place.state for place in summary.standing if not place.closed}
    for state in ("provisional", "confirmed"):
        if state in standing:
            return state
    return "waiting" if checked is not None and checked.waiting else "quiet"


def status(archive: Path) -> list[SiteStatus]:
    """What is known of each site of an archive.

    Raises
    ------
    InputError
        When there is no archive.
    """
    if not archive.is_dir():
        raise InputError(f"{archive}: no such folder; give the archive of a watch")
    return statuses(summaries(archive), read_pass(archive).sites)


def age(moment: datetime | None, now: datetime) -> str:
    """``3 days ago``, with the day itself where that is long."""
    if moment is None:
        return "never"
    days = (now - moment).total_seconds() / 86400
    if days < 1:
        return f"{max(0, round(days * 24))} h ago"
    return f"{days:.0f} d ago" if days < 100 else day(moment)


def write_metrics(path: Path, done: Pass, known: Iterable[Summary]) -> None:
    """Write figures for the textfile collector of Prometheus' node exporter (text format 0.0.4).

    Raises
    ------
    OutputError
    """
    rows = statuses(known, done.sites)
    lines = []

    def metric(name: str, help_: str, samples: Iterable[tuple[str, float]]) -> None:
        lines.append(f"# HELP changedet_{name} {help_}")
        lines.append(f"# TYPE changedet_{name} gauge")
        lines.extend(f"changedet_{name}{labels} {value:.17g}" for labels, value in samples)

    def stamps(kind: str) -> Iterable[tuple[str, float]]:
        return ((_labels(row.site), moment.timestamp()) for row in rows if (moment := getattr(row, kind)) is not None)

    if done.ended is not None and done.started is not None:
        metric("pass_end_timestamp_seconds", "End of the last pass.", [("", done.ended.timestamp())])
        metric("pass_seconds", "Duration of the last pass.", [("", (done.ended - done.started).total_seconds())])
    metric("alerts_pending", "Alerts that are still to be sent.", [("", float(done.pending))])
    failed = ((_labels(row.site), float(row.state == "failed")) for row in rows)
    metric("site_failed", "Whether the last pass over the site failed.", failed)
    metric("last_image_timestamp_seconds", "Newest acquisition that was looked at.", stamps("last_image"))
    metric("last_clear_timestamp_seconds", "Newest acquisition that could be used.", stamps("last_clear"))
    metric("last_change_timestamp_seconds", "Newest change that stands.", stamps("last_change"))
    counts = ((_labels(row.site, state), float(n)) for row in rows for state, n in row.places.items())
    metric("places", "Places that changed, by state.", counts)
    write_text(path.absolute(), "\n".join(lines) + "\n")


def _labels(site: str, state: str | None = None) -> str:
    pairs = {"site": site} | ({} if state is None else {"state": state})
    body = ",".join(f'{key}="{_escaped(value)}"' for key, value in pairs.items())
    return f"{{{body}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
