"""Workers of dask on an archive and a cache in an object store, both on this machine: what a second one saves.

    python benchmarks/watch_cluster.py [--sites 24] [--write]

The store is moto's S3 server, in a process of its own; a worker is a process with one thread. The same sites are
watched from nothing by this process into a folder, then by one worker, by two, and by two of which one is killed after
the first look. Reports are drawn in full. A site is not cut up, so that with few of them the last one decides. What
the scheduler costs is measured on copies of a site with nothing new.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from tables import ROOT, table, write_section

from changedet.simulate import Event, Simulation, tank, write_archive
from changedet.watch.journal import Journal, silent
from changedet.watch.watcher import Plan, watch

sys.path.insert(0, str(ROOT))  # store, workers and the comparison are those of the tests

from tests.watch.elsewhere import Bucket, cluster, served
from tests.watch.world import Content

COPIES = 200
DAY = date(2021, 9, 5)


def simulate(work: Path, sites: int) -> Path:
    """Site files over simulated archives; every second has an event."""
    configs = work / "configs"
    configs.mkdir()
    for i in range(sites):
        events = (Event("event", "Event", "demolish", ("tank",), DAY, zone="fuel tank"),) if i % 2 else ()
        simulation = Simulation(
            seed=i, start=date(2021, 1, 1), months=9, reference_share=0.9, size_m=1000, revisit_days=5,
            cloud_share=0.2, structures=(tank("tank", (-60, 50), 36.0),), events=events, sensors=("sentinel-2",),
        )  # fmt: skip
        write_archive(work / "images" / f"{i}", simulation)
        text = (work / "images" / f"{i}" / "site.yaml").read_text()
        text = text.replace("id: simulated-facility", f"id: site-{i}").replace("catalog: ", f"catalog: ../images/{i}/")
        (configs / f"site-{i}.yaml").write_text(text)
    return configs


def timed(plan: Plan) -> float:
    """Seconds of a pass, which must end well."""
    begun = time.monotonic()
    if code := watch(plan):
        raise SystemExit(f"the watch ended with {code}")
    return time.monotonic() - begun


def on_workers(plan: Plan, store: Bucket, scratch: Path, workers: int, *, kill: bool = False) -> float:
    """Seconds of a pass on so many workers, which are running already."""
    with cluster(workers, store.environment, scratch) as running:
        pids = {name: nanny.process.pid for name, nanny in running.workers.items()}

        def journal(event: str, facts: Mapping[str, object]) -> None:
            if event == "look" and pids:
                os.kill(pids[facts["worker"]], signal.SIGKILL)
                pids.clear()

        told: Journal = journal if kill else silent
        return timed(replace(plan, journal=told, scheduler=running.scheduler_address))


def scheduling(plan: Plan, work: Path, store: Bucket) -> float:
    """Milliseconds that a site costs more on a worker than in this process, where there is nothing new."""
    text = (plan.configs / "site-0.yaml").read_text()
    catalogue = '{"type": "Catalog", "id": "none", "stac_version": "1.1.0", "description": "no scene", "links": []}'
    (work / "catalog.json").write_text(catalogue)
    copies = work / "copies"
    copies.mkdir()
    for i in range(COPIES):
        copy = text.replace("id: site-0", f"id: copy-{i}").replace("../images/0/catalog.json", "../catalog.json")
        (copies / f"copy-{i:03d}.yaml").write_text(copy)
    here = replace(plan, configs=copies, archive=work / "copies-here", cache=work / "cache-here")
    seconds = timed(here)
    there = replace(here, archive=work / "copies-there")
    return (on_workers(there, store, work / "scratch-copies", 1) - seconds) / COPIES * 1000


def measure(work: Path, sites: int) -> list[str]:
    until = datetime(2021, 10, 1, tzinfo=UTC)
    here = Plan(simulate(work, sites), work / "here", work / "cache", until=until)
    seconds = {"this process, a folder": timed(here)}
    whole, different = Content.of(work / "here"), 0
    with served() as store:
        for name, workers, kill in (
            ("one worker, the object store", 1, False),
            ("two workers, the object store", 2, False),
            ("two workers, one of them killed", 2, True),
        ):
            below = f"{workers}-{kill}"
            there = replace(here, archive=f"{store.address}/{below}", cache=f"{store.address}/cache-{below}")
            os.environ["CHANGEDET_CACHE"] = str(work / "mirrors" / below)
            seconds[name] = on_workers(there, store, work / "scratch" / below, workers, kill=kill)
            different += len(Content.of(store.save(below, work / below)).differences(whole))
        overhead = scheduling(here, work, store)
    alone, one, two, killed = seconds.values()
    return [
        f"{sites} sites of 100 × 100 pixels, about 50 dates and 5 looks each, reports drawn; {len(whole.files)} files.",
        "",
        *table(["watched by", "seconds"], [[name, f"{value:.1f}"] for name, value in seconds.items()]),
        "",
        f"Two workers are {one / two:.2f} × as fast as one, of 1.7 asked for; one is {alone / one:.2f} × as fast as "
        f"the process without workers. A killed worker costs {killed - two:.1f} s. Files that differ from those of "
        f"the process, in all three archives: {different}. What the scheduler costs a site: {overhead:.0f} ms.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", type=int, default=24)
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = measure(Path(folder), options.sites)
    print("\n".join(lines))
    if options.write:
        command = f"python benchmarks/watch_cluster.py --sites {options.sites} --write"
        write_section("watch-cluster", "Watching: workers and an object store", command, lines)


if __name__ == "__main__":
    main()
