"""A replay of simulated sites, acquisition by acquisition, undisturbed and with faults: alarms, delays, losses.

    python benchmarks/watch.py [--sites 4] [--work build/watch] [--write]

Half of the simulated sites have an event on a day drawn from the watched months, half have none. The undisturbed watch
looks day by day, in a process of its own. The disturbed one meets a service that is down for a week, a scene that
cannot be read for three days, a receiver of alerts that is down for two weeks, and kills by -9 at random instants of
every pass. Reports are of one line in both, so that the figures are those of the watch and not of drawing pictures.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from unittest.mock import patch

from scipy import stats
from tables import ROOT, table, write_section

from changedet.errors import ServiceError
from changedet.simulate import Event, Simulation, building, tank, write_archive
from changedet.sources.stac import StacSource
from changedet.watch.status import summaries
from changedet.watch.watcher import watch

sys.path.insert(0, str(ROOT))  # the receiver of alerts and the kills are those of the tests

from tests.watch.killing import watched
from tests.watch.receivers import Received, webhook_receiver
from tests.watch.world import Content, alerts_yaml, brief_reports, plan

START, MONTHS, REFERENCE = date(2021, 1, 1), 36, 1 / 3
WATCHED = (date(2022, 1, 1), date(2024, 1, 1))
STEP = timedelta(days=5)
BROKEN = 14
"""The pass that meets a scene which cannot be read."""
STRUCTURES = (
    tank("tank-1", (-60, 50), 36.0),
    tank("tank-2", (0, 50), 36.0),
    tank("tank-3", (70, 60), 36.0),
    building("hall", (60, -50), (64, 40), 10.0),
    building("shed", (-70, -70), (46, 24), 8.0),
)


@dataclass(frozen=True)
class Made:
    """One simulated site."""

    name: str
    event: date | None


def simulate(work: Path, sites: int) -> list[Made]:
    """Archives and site files of all sites; what is there already is kept."""
    rng, made = random.Random(11), []
    (work / "configs").mkdir(parents=True, exist_ok=True)
    for i in range(sites):
        name = f"site-{i:02d}"
        day = WATCHED[0] + timedelta(days=rng.randrange(30, 650)) if i % 2 == 0 else None
        action = rng.choice(["demolish", "burn"])
        events = () if day is None else (Event("event", "Event", action, ("tank-1", "tank-2"), day, zone="fuel tank"),)
        simulation = Simulation(
            seed=100 + i, start=START, months=MONTHS, reference_share=REFERENCE, size_m=400, revisit_days=10,
            radar_days=12, cloud_share=0.3, structures=STRUCTURES, events=events,
        )  # fmt: skip
        write_archive(work / "images" / name, simulation)
        text = (work / "images" / name / "site.yaml").read_text()
        text = text.replace("id: simulated-facility", f"id: {name}").replace("catalog: ", f"catalog: ../images/{name}/")
        (work / "configs" / f"{name}.yaml").write_text(text)
        made.append(Made(name, day))
    return made


def days() -> list[date]:
    """The days on which a pass takes place."""
    count = (WATCHED[1] - WATCHED[0]) // STEP + 1
    return [WATCHED[0] + i * STEP for i in range(count)]


def undisturbed(work: Path, tell: Connection) -> None:
    """A pass every few days; tells when it is past the scene that the other breaks, then its seconds and alerts."""
    os.environ["HOOK_SECRET"] = "secret"
    begun = time.monotonic()
    with brief_reports(), webhook_receiver() as received:
        alerts_yaml(work / "configs", received.url)
        for number, day in enumerate(days()):
            if number == BROKEN + 2:
                tell.send("past")
            code = watch(plan(work / "configs", day.isoformat(), archive=work / "undisturbed", cache=work / "cache"))
            if code:
                raise RuntimeError(f"undisturbed pass of {day}: exit code {code}")
        tell.send((time.monotonic() - begun, set(received.keys)))


@dataclass
class Faults:
    """What went wrong on purpose."""

    kills: int = 0
    passes: int = 0
    down: int = 0
    unreadable: int = 0
    unreceived: int = 0


def _down() -> None:
    """For the rest of this process, which is a child of the benchmark's, no search is answered."""
    patch.object(StacSource, "search", side_effect=ServiceError("the service is down")).start()


def disturbed(work: Path, received: Received, made: list[Made]) -> Faults:
    """The same passes with faults, each killed at random instants until it comes to its end."""
    rng, faults = random.Random(7), Faults()
    configs = work / "configs-disturbed"
    shutil.copytree(work / "configs", configs, dirs_exist_ok=True)
    alerts_yaml(configs, received.url)
    for number, day in enumerate(days()):
        place = plan(configs, day.isoformat(), archive=work / "disturbed", cache=work / "cache-disturbed")
        down = 8 <= number < 10
        broken = _break(work, made[1], day) if number == BROKEN else None
        received.answers[:] = [403] * 50 if 20 <= number < 23 else []
        faults.down += down
        faults.unreadable += broken is not None
        faults.unreceived += bool(received.answers)
        while True:
            at = rng.choice([None, *range(1, 40)]) if rng.random() < 0.7 else None
            code = watched(place, at, _down if down else None)
            faults.passes += 1
            if code is not None:
                break
            faults.kills += 1
        if broken is not None:
            broken()
    received.answers[:] = []
    if watch(place):
        raise RuntimeError("the last pass failed")
    return faults


def _break(work: Path, site: Made, day: date) -> Callable[[], object] | None:
    """Damage the newest optical scene of a site; what mends it."""
    folder = work / "images" / site.name / "sentinel-2-l2a"
    for path in sorted(folder.rglob("red.tif"), reverse=True):
        stamp = next((part for part in path.as_posix().split("_") if part[:8].isdigit()), "")[:8]
        if stamp and (day - STEP).strftime("%Y%m%d") <= stamp < day.strftime("%Y%m%d"):
            content = path.read_bytes()
            path.write_bytes(b"not an image")
            return lambda path=path: path.write_bytes(content)
    return None


@dataclass(frozen=True)
class Counts:
    """Alarms and delays of one archive."""

    looks: int
    used: int
    false: int
    false_confirmed: int
    years: float
    provisional: list[int]
    """Acquisitions from the event to the first alert."""
    confirmed: list[int]
    missed: int


def count(archive: Path, made: list[Made]) -> Counts:
    """Compare what was reported with what happened."""
    known = {summary.site: summary for summary in summaries(archive)}
    years = (WATCHED[1] - WATCHED[0]).days / 365.25
    false = false_confirmed = missed = looks = used = 0
    placebo = 0.0
    provisional, confirmed = [], []
    for site in made:
        summary = known[site.name]
        looks += summary.looks
        used += sum(d.used for d in summary.dates)
        event = None if site.event is None else datetime(site.event.year, site.event.month, site.event.day, tzinfo=UTC)
        before = [p for p in summary.places if event is None or p.history[0].time < event]
        false += len(before)
        false_confirmed += sum(any(said.state == "confirmed" for said in p.history) for p in before)
        placebo += years if event is None else (event - datetime(2022, 1, 1, tzinfo=UTC)).days / 365.25
        if event is None:
            continue
        after = [said for p in summary.places for said in p.history if said.time >= event]
        missed += not after
        for state, delays in (("provisional", provisional), ("confirmed", confirmed)):
            first = min((said.time for said in after if said.state == state), default=None)
            if first is not None:
                delays.append(sum(event <= d.time <= first for d in summary.dates))
    return Counts(looks, used, false, false_confirmed, placebo, provisional, confirmed, missed)


def interval(events: int, years: float) -> tuple[float, float]:
    """95 % interval of a Poisson rate (Garwood 1936)."""
    low = stats.chi2.ppf(0.025, 2 * events) / 2 if events else 0.0
    return low / years, stats.chi2.ppf(0.975, 2 * events + 2) / 2 / years


def replay(sites: int, work: Path) -> list[str]:
    """The section of the replay."""
    os.environ["HOOK_SECRET"] = "secret"
    made = simulate(work, sites)
    for name in ("undisturbed", "disturbed", "cache", "cache-disturbed"):
        shutil.rmtree(work / name, ignore_errors=True)
    context = multiprocessing.get_context("spawn")
    told, tell = context.Pipe(duplex=False)
    calm = context.Process(target=undisturbed, args=(work, tell))
    calm.start()
    tell.close()
    told.recv()
    with brief_reports(), webhook_receiver() as rough:
        faults = disturbed(work, rough, made)
    seconds, wanted = told.recv()
    calm.join()
    found = count(work / "undisturbed", made)
    return [
        f"{sites} sites of 400 m, two watched years after a year of reference, Sentinel-2 every 10 days and two "
        f"Sentinel-1 orbits every 12; {sum(m.event is not None for m in made)} with an event. One alarm a site and "
        "year asked for.",
        "",
        *table(
            ["figure", "value"],
            [
                *alarms(found),
                *losses(work, faults, wanted, rough.keys),
                ["seconds a look, undisturbed, no pictures", f"{seconds / found.looks:.2f}"],
            ],
        ),
    ]


def alarms(found: Counts) -> list[list[str]]:
    """What was reported, wrongly and rightly, and when."""
    low, high = interval(found.false, found.years)
    provisional, confirmed = (
        str(statistics.median(delays)) if delays else "–" for delays in (found.provisional, found.confirmed)
    )
    return [
        ["looks, of which could be used", f"{found.looks}, {found.used}"],
        [f"false alarms (provisional) in {found.years:.1f} site-years without an event", str(found.false)],
        [
            "a site and year, 95 % interval; asked for at most",
            f"{found.false / found.years:.2f}, {low:.2f}–{high:.2f}; 1",
        ],
        ["of them ever confirmed", str(found.false_confirmed)],
        ["events found, missed", f"{len(found.provisional)}, {found.missed}"],
        ["event to provisional alert, median acquisitions", provisional],
        ["event to confirmed alert, median acquisitions", confirmed],
    ]


def losses(work: Path, faults: Faults, wanted: set[str], told: list[str]) -> list[list[str]]:
    """What the faults cost; ``wanted`` and ``told`` are the keys of the alerts of the undisturbed and the disturbed."""
    differences = Content.of(work / "disturbed").differences(Content.of(work / "undisturbed"))
    return [
        [f"kills by −9 in {faults.passes} passes", str(faults.kills)],
        [
            "passes with the service down, a scene unreadable, the receiver down",
            f"{faults.down}, {faults.unreadable}, {faults.unreceived}",
        ],
        ["files that differ from the undisturbed archive", str(len(differences))],
        ["alerts lost", f"{len(wanted - set(told))} of {len(wanted)}"],
        ["alerts told that the undisturbed watch did not tell", str(len(set(told) - wanted))],
        ["messages that came again after a kill, with the same key", str(len(told) - len(set(told)))],
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", type=int, default=4)
    parser.add_argument("--work", type=Path, default=Path("build/watch"), help="folder for archives and caches")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    lines = replay(options.sites, options.work.absolute())
    print("\n".join(lines))
    if options.write:
        command = f"python benchmarks/watch.py --sites {options.sites} --write"
        write_section("watch-replay", "Watching: a replay of simulated sites", command, lines)


if __name__ == "__main__":
    main()
