"""A replay of simulated sites, acquisition by acquisition, undisturbed and with faults: alarms, delays, losses.

    python benchmarks/watch.py replay [--sites 6] [--work build/watch] [--write docs/benchmarks.md]
    python benchmarks/watch.py page [--write docs/benchmarks.md]
    python benchmarks/watch.py step [--side 1600] [--write docs/benchmarks.md]

Half of the simulated sites have an event on a day drawn from the watched months, half have none. The undisturbed watch
looks day by day. The disturbed one meets a service that is down for a week, a scene that cannot be read for three days,
a receiver of alerts that is down for two weeks, and kills by -9 at random instants of every pass. Reports are of one
line in both, so that the figures are those of the watch and not of drawing pictures.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from changedet.errors import ServiceError
from changedet.pipeline import load_site
from changedet.scene import Scene
from changedet.simulate import Event, Simulation, building, tank, write_archive
from changedet.sources.acquire import open_source
from changedet.sources.stac import StacSource
from changedet.store import Store
from changedet.watch.finding import find
from changedet.watch.journal import silent
from changedet.watch.ledger import read_looks, write_look
from changedet.watch.records import Rules
from changedet.watch.status import summaries
from changedet.watch.step import Task, step
from changedet.watch.watcher import watch
from tests.watch.killing import watched
from tests.watch.receivers import Received, webhook_receiver
from tests.watch.world import Content, alerts_yaml, brief_reports, plan

BEGIN, END = "<!-- watch-{}:begin -->", "<!-- watch-{}:end -->"
START, MONTHS, REFERENCE = date(2021, 1, 1), 18, 2 / 3
WATCHED = (date(2022, 1, 1), date(2022, 7, 1))
STEP = timedelta(days=5)
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
        day = WATCHED[0] + timedelta(days=rng.randrange(30, 130)) if i % 2 == 0 else None
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


def undisturbed(work: Path, received: Received) -> float:
    """A pass every few days; seconds."""
    alerts_yaml(work / "configs", received.url)
    begun = time.monotonic()
    for day in days():
        code = watch(plan(work / "configs", day.isoformat(), archive=work / "undisturbed", cache=work / "cache"))
        if code:
            raise RuntimeError(f"undisturbed pass of {day}: exit code {code}")
    return time.monotonic() - begun


@dataclass
class Faults:
    """What went wrong on purpose."""

    kills: int = 0
    passes: int = 0
    down: int = 0
    unreadable: int = 0
    unreceived: int = 0


def _down() -> None:
    def search(source: StacSource, query: object) -> None:
        raise ServiceError("the service is down")

    # for the life of the child that watches
    patch.object(StacSource, "search", search).start()


def disturbed(work: Path, received: Received, made: list[Made]) -> Faults:
    """The same passes with faults, each killed at random instants until it comes to its end."""
    rng, faults = random.Random(7), Faults()
    alerts_yaml(work / "configs", received.url)
    for number, day in enumerate(days()):
        place = plan(work / "configs", day.isoformat(), archive=work / "disturbed", cache=work / "cache-disturbed")
        last = number == len(days()) - 1
        down = 8 <= number < 10
        unread = number in (14,) and not last
        broken = _break(work, made[1], day) if unread else None
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
    if watch(
        plan(work / "configs", days()[-1].isoformat(), archive=work / "disturbed", cache=work / "cache-disturbed")
    ):
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


def replay(sites: int, work: Path) -> str:
    """The section of the replay."""
    os.environ["HOOK_SECRET"] = "secret"
    made = simulate(work, sites)
    for name in ("undisturbed", "disturbed"):
        shutil.rmtree(work / name, ignore_errors=True)
    with brief_reports(), webhook_receiver() as calm, webhook_receiver() as rough:
        seconds = undisturbed(work, calm)
        faults = disturbed(work, rough, made)
    differences = Content.of(work / "disturbed").differences(Content.of(work / "undisturbed"))
    found = count(work / "undisturbed", made)
    low, high = interval(found.false, found.years)
    wanted, told = set(calm.keys), rough.keys
    median = {
        name: statistics.median(d) if d else None for name, d in (("p", found.provisional), ("c", found.confirmed))
    }
    return "\n".join(
        [
            "## Watching: a replay of simulated sites",
            "",
            f"`python benchmarks/watch.py replay --sites {sites} --write docs/benchmarks.md`",
            "",
            f"{sites} sites of 400 m, six watched months after a year of reference, Sentinel-2 every 10 days and two "
            f"Sentinel-1 orbits every 12; {sum(m.event is not None for m in made)} with an event. One alarm a site and "
            "year asked for.",
            "",
            "| figure | value |",
            "|---|---|",
            f"| looks, of which could be used | {found.looks}, {found.used} |",
            f"| false alarms (provisional) in {found.years:.1f} site-years without an event | {found.false} |",
            f"| a site and year, 95 % interval; asked for at most | {found.false / found.years:.2f}, "
            f"{low:.2f}–{high:.2f}; 1 |",
            f"| of them ever confirmed | {found.false_confirmed} |",
            f"| events found, missed | {len(found.provisional)}, {found.missed} |",
            f"| event to provisional alert, median acquisitions | {median['p']} |",
            f"| event to confirmed alert, median acquisitions | {median['c']} |",
            f"| kills by −9 in {faults.passes} passes | {faults.kills} |",
            f"| passes with the service down, a scene unreadable, the receiver down | {faults.down}, "
            f"{faults.unreadable}, {faults.unreceived} |",
            f"| files that differ from the undisturbed archive | {len(differences)} |",
            f"| alerts lost | {len(wanted - set(told))} of {len(wanted)} |",
            f"| alerts told that the undisturbed watch did not tell | {len(set(told) - wanted)} |",
            f"| messages that came again after a kill, with the same key | {len(told) - len(set(told))} |",
            f"| seconds a look, undisturbed, no pictures | {seconds / found.looks:.2f} |",
        ]
    )


def page(work: Path) -> str:
    """Memory of a pass over many sites with nothing new, and the page of 500 sites in Chromium."""
    import psutil

    configs = work / "many" / "configs"
    shutil.rmtree(work / "many", ignore_errors=True)
    configs.mkdir(parents=True)
    text = (work / "configs" / "site-01.yaml").read_text()
    source = work / "undisturbed" / "site-01"
    (work / "many" / "catalog.json").write_text(
        '{"type": "Catalog", "id": "none", "stac_version": "1.1.0", "description": "no scene", "links": []}'
    )
    text = re.sub("catalog: .*", "catalog: ../catalog.json", text)
    for i in range(500):
        name = f"many-{i:03d}"
        (configs / f"{name}.yaml").write_text(text.replace("id: site-01", f"id: {name}"))
        folder = work / "many" / "archive" / name / "looks"
        folder.mkdir(parents=True)
        for look in read_looks(source):
            write_look(folder.parent, look.model_copy(update={"site": name, "title": f"Site {i}"}))
    process = psutil.Process()
    begun = time.monotonic()
    sizes = []
    for _ in range(3):
        watch(plan(configs, days()[-1].isoformat(), archive=work / "many" / "archive", cache=work / "cache"))
        sizes.append(process.memory_info().rss / 1e6)
    seconds = (time.monotonic() - begun) / 3
    times = _in_chromium(work / "many" / "archive" / "index.html")
    return "\n".join(
        [
            "## Watching: 500 sites",
            "",
            "Copies of one simulated site with its history; the catalogue holds nothing new.",
            "",
            "`python benchmarks/watch.py page --write docs/benchmarks.md`",
            "",
            "| figure | value |",
            "|---|---|",
            f"| a pass over 500 sites with nothing new, seconds | {seconds:.1f} |",
            f"| memory after the first, second and third pass, MB | {', '.join(f'{s:.0f}' for s in sizes)} |",
            f"| `index.html`, MB | {(work / 'many' / 'archive' / 'index.html').stat().st_size / 1e6:.2f} |",
            *(f"| {name}, median of 5, ms | {statistics.median(values):.0f} |" for name, values in times.items()),
        ]
    )


_ACTIONS = {
    "filter by a word": "find.value = 'site 4%d'; find.dispatchEvent(new Event('input'))",
    "sort by a column": "document.querySelectorAll('thead button')[3].click()",
}


def _in_chromium(path: Path) -> dict[str, list[float]]:
    from playwright.sync_api import sync_playwright

    times: dict[str, list[float]] = {"first contentful paint": [], **{name: [] for name in _ACTIONS}}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for number in range(5):
            opened = browser.new_page()
            opened.goto(path.as_uri())
            opened.wait_for_timeout(300)
            times["first contentful paint"].append(
                opened.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
            )
            for name, action in _ACTIONS.items():
                script = (
                    "async () => { const find = document.getElementById('find'); const begun = performance.now(); "
                    + (action % number if "%" in action else action)
                    + "; await new Promise(r => requestAnimationFrame(() => setTimeout(r, 0)));"
                    " return performance.now() - begun; }"
                )
                times[name].append(opened.evaluate(script))
            opened.close()
        browser.close()
    return times


def one_step(side: int, work: Path) -> str:
    """A look at one new acquisition with all earlier dates kept, against the same look from nothing, in one run."""
    simulation = Simulation(
        seed=5, start=START, months=24, reference_share=0.95, size_m=side, revisit_days=5, cloud_share=0.1,
        structures=STRUCTURES, events=(), sensors=("sentinel-2",),
    )  # fmt: skip
    file = write_archive(work / f"images-{side}", simulation).parent / "site.yaml"
    site = load_site(file)
    requested: list[str] = []

    def fetch(self: StacSource, scene: Scene, *rest: object) -> object:
        requested.append(scene.id)
        return fetched(self, scene, *rest)

    fetched, seconds, looks, read = StacSource.fetch, {}, {}, {}
    archive = work / "step"
    every = find(site, open_source(site, file.parent), Store(work / "found"), datetime(2023, 1, 2, tzinfo=UTC))
    last = every[-1].time

    def look(cache: str, now: datetime) -> None:
        task = Task(site, file.parent, Rules(), archive, Store(work / cache), now)
        step(task, silent, lambda: False)

    for name in ("step", "warm", "cold"):
        shutil.rmtree(work / name, ignore_errors=True)
    with brief_reports():
        look("warm", last)
    before = {path.name for path in (archive / site.id / "looks").iterdir()}
    with brief_reports(), patch.object(StacSource, "fetch", fetch):
        for cache in ("warm", "cold"):
            requested.clear()
            begun = time.monotonic()
            look(cache, last + timedelta(hours=1))
            seconds[cache] = time.monotonic() - begun
            read[cache] = len(requested)
            (new,) = [p for p in (archive / site.id / "looks").iterdir() if p.name not in before]
            looks[cache] = new.read_bytes()
            new.unlink()
            (archive / site.id / "watch.json").unlink()
    used = sum(look.used for look in read_looks(archive / site.id))
    return "\n".join(
        [
            "## Watching: one new acquisition",
            "",
            f"`python benchmarks/watch.py step --side {side} --write docs/benchmarks.md`",
            "",
            f"Sentinel-2 only, {side // 10} × {side // 10} pixels, {len(every)} scenes, "
            f"{used} earlier looks; no report is drawn. From nothing: the same look with an empty cache.",
            "",
            "| figure | from nothing | one new date |",
            "|---|---|---|",
            f"| scenes read | {read['cold']} | {read['warm']} |",
            f"| seconds | {seconds['cold']:.1f} | {seconds['warm']:.1f} |",
            "",
            f"Ratio {seconds['cold'] / seconds['warm']:.1f}; the look written is "
            f"{'the same' if looks['cold'] == looks['warm'] else 'NOT the same'}, byte for byte.",
        ]
    )


SECTIONS: dict[str, Callable[[argparse.Namespace], str]] = {
    "replay": lambda options: replay(options.sites, options.work.absolute()),
    "page": lambda options: page(options.work.absolute()),
    "step": lambda options: one_step(options.side, options.work.absolute()),
}


def write_section(path: Path, text: str, begin: str, end: str) -> None:
    """Put the section between its marks, at the end where they are not there yet."""
    whole = path.read_text()
    section = f"{begin}\n{text}\n{end}"
    if begin in whole:
        first, last = whole.index(begin), whole.index(end) + len(end)
        path.write_text(whole[:first] + section + whole[last:])
    else:
        path.write_text(f"{whole.rstrip()}\n\n{section}\n")


def main() -> None:
    """Run one benchmark; print its section, or write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=tuple(SECTIONS))
    parser.add_argument("--sites", type=int, default=6)
    parser.add_argument("--side", type=int, default=1600, help="metres, of the site of `step`")
    parser.add_argument("--work", type=Path, default=Path("build/watch"), help="folder for archives and caches")
    parser.add_argument("--write", type=Path, help="the file whose section is replaced")
    options = parser.parse_args()
    text = SECTIONS[options.what](options)
    print(text)
    if options.write is not None:
        write_section(options.write, text, BEGIN.format(options.what), END.format(options.what))


if __name__ == "__main__":
    main()
