"""All sites of a folder: one pass, or a pass every so often, until asked to end.

The order of a pass: site by site, look by look (``step``); then what follows from the looks: catalogue, feed, page,
figures for Prometheus; then the alerts that are not sent yet. A kill at any point loses nothing: each file is written
whole or not at all, and the next pass begins with what is missing.
"""

from __future__ import annotations

import re
import shutil
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

from filelock import FileLock, Timeout

from changedet.errors import BusyError, ChangedetError, InputError
from changedet.pipeline import load_site
from changedet.report.item import update_catalogue
from changedet.store import Store, default_cache, output_error
from changedet.watch.alerts import Alert, Channel, alerts_of, begin, deliver
from changedet.watch.config import Alerts, WatchConfig, read_config, site_files
from changedet.watch.feed import NAME as FEED
from changedet.watch.feed import write_feed
from changedet.watch.journal import Journal, silent
from changedet.watch.ledger import SUMMARY, Summary
from changedet.watch.mail import EmailChannel
from changedet.watch.overview import NAME as OVERVIEW
from changedet.watch.overview import write_overview
from changedet.watch.status import PASS, Checked, Pass, read_pass, summaries, write_metrics, write_pass
from changedet.watch.step import Task, step
from changedet.watch.webhook import WebhookChannel

LOCK = ".watch.lock"
BUGS = (ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)
"""What a mistake of ours in one site may raise; it must not stop the others. Told in full in the journal."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to watch, and how."""

    configs: Path
    """Folder of site files, with ``watch.yaml`` where there is one; or one site file."""
    archive: Path
    cache: Path | None = None
    every: timedelta | None = None
    """None: one pass."""
    until: datetime | None = None
    """As if it were this time: nothing acquired later is looked at. For replays."""
    metrics: Path | None = None
    """Textfile for Prometheus."""
    journal: Journal = silent
    clock: Callable[[], datetime] = field(default=_now)


def watch(plan: Plan) -> int:
    """Watch until done, or, with ``every``, until SIGTERM or SIGINT.

    Returns
    -------
    0 where every site was looked at and every alert sent; else the largest exit code of what went wrong in the last
    pass.

    Raises
    ------
    BusyError
        When another watch holds the archive.
    InputError
        When there is nothing to watch, or ``watch.yaml`` is wrong.
    OutputError
    """
    with holding(plan.archive), _ending() as stop:
        sweep(plan.archive)
        while True:
            code = one_pass(plan, stop)
            if plan.every is None or stop.is_set() or stop.wait(plan.every.total_seconds()):
                return code


@contextmanager
def holding(archive: Path) -> Iterator[None]:
    """Keep every other watch off the archive; the system lets go of it when the process ends, however it ends.

    Raises
    ------
    BusyError, OutputError
    """
    try:
        archive.mkdir(parents=True, exist_ok=True)
        lock = FileLock(archive / LOCK, timeout=0)
        lock.acquire()
    except Timeout as error:
        raise BusyError(
            f"{archive}: another watch works on this archive; end it, or give another folder with --out"
        ) from error
    except OSError as error:
        raise output_error(archive / LOCK, error) from error
    try:
        yield
    finally:
        lock.release()


_PARTS = (
    "*/looks/.*.part",
    f"*/.{SUMMARY}.*.part",
    "alerts/.*.part",
    "alerts/*/.*.part",
    *(f".{name}.*.part" for name in (FEED, OVERVIEW, PASS)),
)
_RUN = re.compile(r"\.\d{8}T\d{6}Z-[0-9a-f]{8}-\d+\.[0-9a-f]+\.part")


def sweep(archive: Path) -> int:
    """Remove what a killed watch left half written; call it only while ``holding``. Returns their number.

    Parts of runs that ``changedet run`` may be writing into the same folder are left alone.
    """
    parts = [path for pattern in _PARTS for path in archive.glob(pattern)]
    runs = [path for path in archive.glob("*/.*.part") if _RUN.fullmatch(path.name) and path.is_dir()]
    with FileLock(archive / ".catalog.lock", timeout=60):
        parts += archive.glob(".catalog.json.*.part")
        for path in parts:
            path.unlink(missing_ok=True)
    for path in runs:
        shutil.rmtree(path, ignore_errors=True)
    return len(parts) + len(runs)


@contextmanager
def _ending() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set: what is under way is finished, nothing new is begun."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def end(signum: int, frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def one_pass(plan: Plan, stop: threading.Event) -> int:
    """Every site once, then what follows.

    Raises
    ------
    InputError, OutputError
    """
    started = plan.clock()
    files, config = site_files(plan.configs), read_config(plan.configs)
    channels = channels_of(config.alerts)
    archive = plan.archive.absolute()
    begin(archive, alerts_of(summaries(archive)), channels)
    store = Store(plan.cache or default_cache())
    before = {checked.file: checked for checked in read_pass(archive).sites}
    results: list[Checked] = []
    taken: set[str] = set()
    for file in files:
        if stop.is_set():
            results += [before[rest.name] for rest in files[len(results) :] if rest.name in before]
            break
        results.append(_site(plan, config, file, store, taken, stop))
    known = summaries(archive)
    alerts = alerts_of(known, config.alerts.link)
    derive(archive, known, alerts, results, config.alerts.link)
    delivery = deliver(archive, alerts, channels, plan.journal, stop.is_set)
    ended = plan.clock()
    done = Pass(started=started, ended=ended, pending=delivery.pending, sites=tuple(results))
    write_pass(archive, done)
    if plan.metrics is not None:
        write_metrics(plan.metrics, done, known)
    codes = [checked.code for checked in results] + [delivery.problem.exit_code if delivery.problem else 0]
    plan.journal(
        "pass",
        {
            "sites": len(results),
            "failed": sum(checked.code != 0 for checked in results),
            "looks": sum(checked.looks for checked in results),
            "sent": delivery.sent,
            "pending": delivery.pending,
            "seconds": round((ended - started).total_seconds(), 1),
        },
    )
    return max(codes)


def derive(archive: Path, known: list[Summary], alerts: list[Alert], results: list[Checked], link: str | None) -> None:
    """Write all that follows from the looks: the STAC catalogue, the feed, the page.

    Raises
    ------
    OutputError
    """
    update_catalogue(archive)
    write_feed(archive, alerts, link)
    write_overview(archive, known, results)


def channels_of(alerts: Alerts) -> tuple[Channel, ...]:
    """The channels that are configured."""
    channels: list[Channel] = []
    if alerts.webhook is not None:
        channels.append(WebhookChannel(alerts.webhook))
    if alerts.email is not None:
        channels.append(EmailChannel(alerts.email))
    return tuple(channels)


def _site(plan: Plan, config: WatchConfig, file: Path, store: Store, taken: set[str], stop: threading.Event) -> Checked:
    """One site; whatever goes wrong stays with it. Its id is added to those that are ``taken``."""
    checked = Checked(file=file.name, time=plan.clock())
    try:
        site = load_site(file)
        checked = checked.model_copy(update={"site": site.id, "title": site.name})
        if site.id in taken:
            raise InputError(f"{file}: id: is {site.id}, as of another site file; each site needs its own id")
        taken.add(site.id)
        now = min(plan.clock(), plan.until) if plan.until is not None else plan.clock()
        task = Task(site, file.parent, config.rules_of(site.id), plan.archive.absolute(), store, now)
        done = step(task, plan.journal, stop.is_set)
        return checked.model_copy(update={"looks": done.looks, "changes": done.changes, "waiting": done.waiting})
    except ChangedetError as error:
        code, problem = error.exit_code, str(error)
    except OSError as error:
        code, problem = 1, f"{type(error).__name__}: {error}"
    except BUGS as error:
        code, problem = 1, f"a mistake in changedet, {type(error).__name__}: {error}"
        plan.journal("bug", {"site": checked.site or file.name, "traceback": traceback.format_exc()})
    plan.journal("site-failed", {"site": checked.site or file.name, "problem": problem, "code": code})
    return checked.model_copy(update={"code": code, "problem": problem})
