"""A look at one new acquisition with all earlier dates kept, against the same look from nothing, in one run.

    python benchmarks/watch_step.py [--side 400] [--write]

Reports are of one line in both, so that the figures are those of the watch and not of drawing pictures.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from tables import ROOT, table, write_section

from changedet.pipeline import load_site
from changedet.simulate import Simulation, tank, write_archive
from changedet.sources.acquire import open_source
from changedet.store import Store
from changedet.watch.archive import Archive
from changedet.watch.finding import find
from changedet.watch.journal import silent
from changedet.watch.records import Rules
from changedet.watch.step import Task, step

sys.path.insert(0, str(ROOT))  # brief reports are those of the tests

from tests.watch.world import brief_reports

LAST = datetime(2023, 1, 2, tzinfo=UTC)
"""After every acquisition."""


def dates_read(cache: Path) -> int:
    """Dates whose pixels were put on the site's grid for this cache: each leaves one record."""
    return sum(1 for _ in (cache / "layers").glob("??/*.date"))


def one_step(side: int, work: Path) -> list[str]:
    simulation = Simulation(
        seed=5, start=date(2021, 1, 1), months=24, reference_share=0.95, size_m=side, revisit_days=5, cloud_share=0.1,
        structures=(tank("tank", (-60, 50), 36.0),), events=(), sensors=("sentinel-2",),
    )  # fmt: skip
    file = write_archive(work / "images", simulation).parent / "site.yaml"
    site, archive = load_site(file), work / "archive"
    every = find(site, open_source(site, file.parent), Store(work / "found"), LAST)
    folder = archive / site.id

    def look(cache: str, now: datetime) -> tuple[int, float, float]:
        """Dates read, and seconds of a pass, by the clock and of the processor."""
        before, begun, worked = dates_read(work / cache), time.monotonic(), time.process_time()
        with brief_reports():
            step(Task(site, file.parent, Rules(), Archive(archive), Store(work / cache), now), silent, lambda: False)
        return dates_read(work / cache) - before, time.monotonic() - begun, time.process_time() - worked

    look("warm", every[-1].time - timedelta(hours=1))
    earlier = {path.name for path in (folder / "looks").iterdir()}
    found, written = {}, {}
    for cache in ("cold", "warm"):
        found[cache] = look(cache, LAST)
        (new,) = [path for path in (folder / "looks").iterdir() if path.name not in earlier]
        written[cache] = new.read_bytes()
        # the same look is asked for again, of the other cache
        new.unlink()
        (folder / "watch.json").unlink()
    (all_dates, whole, all_work), (one, short, work_of_one) = found["cold"], found["warm"]
    same = "the same" if written["cold"] == written["warm"] else "NOT the same"
    return [
        f"Sentinel-2 only, {side // 10} × {side // 10} pixels, {len(every)} scenes, "
        f"{len(earlier)} earlier looks; no report is drawn. From nothing: the same look with an empty cache.",
        "",
        *table(
            ["figure", "from nothing", "one new date"],
            [
                ["dates read", str(all_dates), str(one)],
                ["seconds", f"{whole:.1f}", f"{short:.1f}"],
                ["seconds of the processor", f"{all_work:.1f}", f"{work_of_one:.1f}"],
            ],
        ),
        "",
        f"Ratio {whole / short:.1f} by the clock and {all_work / work_of_one:.1f} of the processor, of 20 asked for at "
        f"500 × 500 pixels; the look written is {same}, byte for byte. Once a month, when the reference period moves "
        "on, and when a new date is the clearest so far, all dates are prepared again from the cache.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=400, help="metres")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = one_step(options.side, Path(folder))
    print("\n".join(lines))
    if options.write:
        command = f"python benchmarks/watch_step.py --side {options.side} --write"
        write_section("watch-step", "Watching: one new acquisition", command, lines)


if __name__ == "__main__":
    main()
