"""What people type, and what they read: spans of time, the table of ``changedet status``, the test of the channels."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from changedet.errors import ChangedetError, InputError
from changedet.watch.alerts import sample_alert
from changedet.watch.config import read_config
from changedet.watch.journal import journal
from changedet.watch.status import SiteStatus, age
from changedet.watch.watcher import Plan, channels_of

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def plan_of(
    configs: Path,
    places: tuple[str, str | None],
    every: str | None,
    until: str | None,
    log: str,
    metrics: Path | None,
    scheduler: str | None,
) -> Plan:
    """The plan of a command line; ``every``, ``until`` and ``log`` as typed, ``places`` are archive and cache.

    Raises
    ------
    InputError
    """
    if log not in ("text", "json"):
        raise InputError(f"--log: is {log!r}; write text or json")
    return Plan(
        configs,
        *places,
        None if every is None else span(every),
        None if until is None else moment(until),
        metrics,
        journal("json" if log == "json" else "text"),
        scheduler=scheduler,
    )


def span(text: str) -> timedelta:
    """``6h``, ``30m``, ``1d`` as a span of time.

    Raises
    ------
    InputError
    """
    found = re.fullmatch(r"(\d{1,6})\s*([smhd])", text.strip())
    if found is None or int(found[1]) == 0:
        raise InputError(f"--every: is {text!r}; write a number and a unit of s, m, h, d, such as 6h")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def moment(text: str) -> datetime:
    """A day, to its end, or an instant, in UTC.

    Raises
    ------
    InputError
    """
    try:
        value = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"--until: is {text!r}; write a day or an instant, such as 2024-06-30") from error
    if re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", text):
        value += timedelta(days=1)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def status_lines(rows: Iterable[SiteStatus]) -> list[str]:
    """A table for a terminal, one site a line, what is wrong beneath it."""
    now = datetime.now(UTC)
    head = ("site", "state", "last image", "last clear", "last change", "looks", "open, confirmed, withdrawn")
    table: list[tuple[str, ...]] = [head]
    notes: dict[int, str] = {}
    for row in rows:
        places = ", ".join(str(row.places[state]) for state in ("provisional", "confirmed", "withdrawn"))
        ages = (age(when, now) for when in (row.last_image, row.last_clear, row.last_change))
        table.append((row.site, row.state, *ages, str(row.looks), places))
        if row.problem:
            notes[len(table) - 1] = row.problem
    widths = [max(len(line[i]) for line in table) for i in range(len(head))]
    lines = []
    for i, cells in enumerate(table):
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
        if i in notes:
            lines += [f"    {line}" for line in notes[i].splitlines()]
    return lines


def try_channels(configs: Path) -> tuple[list[str], int]:
    """Send a test alert over every channel: a line each, and the exit code.

    Raises
    ------
    InputError
    """
    config = read_config(configs)
    channels = channels_of(config.alerts)
    if not channels:
        raise InputError(f"{configs}: watch.yaml names no webhook and no email under alerts; nothing to test")
    alert, lines, codes = sample_alert(datetime.now(UTC).replace(microsecond=0)), [], [0]
    for channel in channels:
        try:
            channel.send(alert)
            lines.append(f"{channel.name}: sent")
        except ChangedetError as error:
            lines.append(f"{channel.name}: {error}")
            codes.append(error.exit_code)
    return lines, max(codes)
