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
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType

from filelock import FileLock, Timeout

from changedet.errors import BusyError, InputError
from changedet.pipeline import load_site
from changedet.report.item import CATALOGUE, update_catalogue
from changedet.site import Site
from changedet.store import output_error
from changedet.watch.alerts import Alert, Channel, alerts_of, begin, deliver
from changedet.watch.archive import Archive, open_archive, open_store
from changedet.watch.cluster import run_on_cluster
from changedet.watch.config import Alerts, WatchConfig, read_config, site_files
from changedet.watch.feed import NAME as FEED
from changedet.watch.feed import write_feed
from changedet.watch.job import Job, Tools, attempted, look_at
from changedet.watch.journal import Journal, silent
from changedet.watch.lease import leased, utc_now
from changedet.watch.ledger import SUMMARY, Summary
from changedet.watch.mail import EmailChannel
from changedet.watch.overview import NAME as OVERVIEW
from changedet.watch.overview import write_overview
from changedet.watch.status import PASS, Checked, Pass, read_pass, summaries, write_metrics, write_pass
from changedet.watch.webhook import WebhookChannel

LOCK = ".watch.lock"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to watch, and how."""

    configs: Path
    """Folder of site files, with ``watch.yaml`` where there is one; or one site file."""
    archive: Path | str
    """A folder, or an address of fsspec."""
    cache: Path | str | None = None
    """The same; None: that of this machine."""
    every: timedelta | None = None
    """None: one pass."""
    until: datetime | None = None
    """As if it were this time: nothing acquired later is looked at. For replays."""
    metrics: Path | None = None
    """Textfile for Prometheus."""
    journal: Journal = silent
    clock: Callable[[], datetime] = field(default=utc_now)
    scheduler: str | None = None
    """Address of a dask.distributed scheduler whose workers look at the sites; None: this process does."""


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
    archive, lost = open_archive(str(plan.archive)), threading.Event()
    with holding(archive.folder), _ending() as stop, _leased(archive, lost, stop):
        sweep(archive.folder)
        while True:
            code = one_pass(plan, stop)
            if lost.is_set():
                raise BusyError(f"{plan.archive}: another watch took over this archive; what was begun here is ended")
            if plan.every is None or stop.is_set() or stop.wait(plan.every.total_seconds()):
                return code


@contextmanager
def _leased(archive: Archive, lost: threading.Event, stop: threading.Event) -> Iterator[None]:
    """Keep other watches off an archive that lies elsewhere; ``lost`` and ``stop`` are set where that ends early."""

    def end() -> None:
        lost.set()
        stop.set()

    with nullcontext() if archive.mirror is None else leased(archive.mirror, end):
        yield


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
    InputError, OutputError, ServiceError
    """
    started = plan.clock()
    files, config = site_files(plan.configs), read_config(plan.configs)
    channels = channels_of(config.alerts)
    archive = open_archive(str(plan.archive))
    folder = archive.folder
    archive.follow()
    archive.fetch(PASS)
    begin(folder, alerts_of(summaries(folder)), channels, archive.publish)
    results = _looked_at(plan, config, files, archive, stop)
    known = summaries(folder)
    alerts = alerts_of(known, config.alerts.link)
    derive(folder, known, alerts, results, config.alerts.link)
    archive.publish(*(folder / name for name in (CATALOGUE, FEED, OVERVIEW)))
    delivery = deliver(folder, alerts, channels, plan.journal, stop.is_set, archive.publish)
    ended = plan.clock()
    done = Pass(started=started, ended=ended, pending=delivery.pending, sites=tuple(results))
    write_pass(folder, done)
    archive.publish(folder / PASS)
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


def _looked_at(
    plan: Plan, config: WatchConfig, files: tuple[Path, ...], archive: Archive, stop: threading.Event
) -> list[Checked]:
    """What came of every site, in order of the files; after a stop what the pass before knew of the rest."""
    before = {checked.file: checked for checked in read_pass(archive.folder).sites}
    taken: set[str] = set()
    if plan.scheduler is not None:
        asked = [_asked(plan, config, file, taken) for file in files]
        jobs = [ask[0] for ask in asked if isinstance(ask, tuple)]
        places = (archive.name, None if plan.cache is None else str(plan.cache))
        found = iter(run_on_cluster(plan.scheduler, jobs, places, plan.journal, stop.is_set))
        came = [next(found) if isinstance(ask, tuple) else ask for ask in asked]
        archive.follow()
        known = [before.get(file.name) if of is None else of for file, of in zip(files, came, strict=True)]
        return [of for of in known if of is not None]
    tools = Tools(archive, open_store(None if plan.cache is None else str(plan.cache)), plan.journal, stop.is_set)
    results: list[Checked] = []
    for file in files:
        if stop.is_set():
            return results + [before[rest.name] for rest in files[len(results) :] if rest.name in before]
        ask = _asked(plan, config, file, taken)
        results.append(look_at(*ask, tools) if isinstance(ask, tuple) else ask)
    return results


def _asked(plan: Plan, config: WatchConfig, file: Path, taken: set[str]) -> tuple[Job, Site] | Checked:
    """What is to be done for one site file, or what is wrong with it; its id is added to those that are ``taken``."""
    checked, made = Checked(file=file.name, time=plan.clock()), []

    def ask() -> Checked:
        site = load_site(file)
        named = checked.model_copy(update={"site": site.id, "title": site.name})
        if site.id in taken:
            raise InputError(f"{file}: id: is {site.id}, as of another site file; each site needs its own id")
        taken.add(site.id)
        now = min(plan.clock(), plan.until) if plan.until is not None else plan.clock()
        folder = str(file.parent.absolute())
        made.append((Job(folder, file.read_bytes(), config.rules_of(site.id), now, named), site))
        return named

    told = attempted(checked, plan.journal, ask)
    return made[0] if made else told


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
