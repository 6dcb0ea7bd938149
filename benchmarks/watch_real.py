"""Alarms of a watch over real stacks on which nothing is known to have happened: ``python benchmarks/watch_real.py``.

Radar: three bursts of OPERA RTC-S1 over California. Optical: Sentinel-2 over a managed forest in Romania; places whose
middle lies on ground that was felled in any year (``calibration.py``) are counted by themselves. One alarm a site and
year is asked for. Reports are of one line. With ``--write`` the table goes into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from calibration import fellings
from odc.geo.geom import point
from real import BURSTS, romania_stack
from tables import DATA, ROOT, table, write_section
from watch import interval

from changedet.stack import geobox_of
from changedet.watch.ledger import Known
from changedet.watch.status import summaries
from changedet.watch.watcher import watch

sys.path.insert(0, str(ROOT))  # brief reports are those of the tests

from tests.watch.world import brief_reports, plan

SITE = """\
id: {name}
name: {name}
area: {{center: {center}, radius: {radius}}}
resolution: {resolution}
source: {{kind: stac, catalog: {catalog}}}
sensors: {{{sensor}: {options}}}
before: {before}
after: {after}
"""


@dataclass(frozen=True)
class Watched:
    """A site, and when its watch begins and ends."""

    name: str
    center: tuple[float, float]
    catalog: Path
    before: date
    first: date
    last: date

    @property
    def radar(self) -> bool:
        return self.name != "romania"

    @property
    def years(self) -> float:
        return (self.last - self.first).days / 365.25

    def yaml(self) -> str:
        return SITE.format(
            name=self.name,
            center=list(self.center),
            radius=1200 if self.radar else 480,
            resolution=30 if self.radar else 10,
            catalog=json.dumps(str(self.catalog)),
            sensor="sentinel-1" if self.radar else "sentinel-2",
            options="{}" if self.radar else "{max_cloud: 100}",
            before=f"[{self.before}, {date.fromordinal(self.first.toordinal() - 1)}]",
            after=f"[{self.first}, {self.last}]",
        )


def burst(name: str) -> Watched:
    """The first half of a burst's dates is its reference."""
    items = [json.loads(path.read_bytes()) for path in sorted((DATA / "rtc" / name).rglob("*.json"))]
    items = [item for item in items if item.get("type") == "Feature"]
    days = sorted(datetime.fromisoformat(item["properties"]["datetime"]).date() for item in items)
    west, south, east, north = items[0]["bbox"]
    center = (round((west + east) / 2, 6), round((south + north) / 2, 6))
    return Watched(name, center, DATA / "rtc" / name / "catalog.json", days[0], days[len(days) // 2], days[-1])


def forest() -> Watched:
    catalog = DATA / "romania" / "catalog.json"
    return Watched("romania", (22.1522, 45.20475), catalog, date(2015, 4, 1), date(2018, 11, 1), date(2021, 12, 31))


def on_felled(places: tuple[Known, ...]) -> int:
    """How many places lie on ground that was felled."""
    stack = romania_stack(DATA)
    felled, grid, count = fellings(stack), geobox_of(stack), 0
    for place in places:
        middle = point(*place.history[0].centroid, "EPSG:4326").to_crs(str(grid.crs))
        column, row = ~grid.affine * middle.coords[0]
        inside = 0 <= row < grid.shape[0] and 0 <= column < grid.shape[1]
        count += bool(inside and felled[int(row), int(column)])
    return count


def measure(work: Path) -> list[str]:
    sites = [*(burst(name) for name in BURSTS), forest()]
    (work / "configs").mkdir()
    for site in sites:
        (work / "configs" / f"{site.name}.yaml").write_text(site.yaml())
    with brief_reports():
        if code := watch(plan(work / "configs", max(site.last for site in sites).isoformat())):
            raise SystemExit(f"the watch ended with {code}")
    known = {summary.site: summary for summary in summaries(work / "archive")}
    rows = []
    for name, group in (("rtc, three bursts", sites[:-1]), ("romania, off what was felled", sites[-1:])):
        summary = [known[site.name] for site in group]
        places = tuple(place for one in summary for place in one.places)
        felled = on_felled(places) if not group[0].radar else 0
        alarms, years = len(places) - felled, sum(site.years for site in group)
        low, high = interval(alarms, years)
        looks, used = sum(one.looks for one in summary), sum(date.used for one in summary for date in one.dates)
        rate = f"{alarms / years:.2f}, {low:.2f}–{high:.2f}"
        rows.append([name, f"{years:.1f}", f"{looks}, {used}", str(alarms), rate, str(felled)])
    head = ["stack", "site-years", "looks, used", "alarms", "a site and year, 95 %", "on felled ground"]
    return ["Asked for: one alarm a site and year, at most.", "", *table(head, rows)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = measure(Path(folder))
    print("\n".join(lines))
    if options.write:
        write_section("watch-real", "Watching: real stacks", "python benchmarks/watch_real.py --write", lines)


if __name__ == "__main__":
    main()
