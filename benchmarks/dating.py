"""Weak disturbances of a forest and their dates: ``python benchmarks/dating.py [--write]``.

The points of ``ddl8s1ts``, 71 of 150 with the date from which Landsat shows a disturbance; Sentinel-1 every 24, later
12 days. Before: to the end of 2015; window: to February 2018. PWTT (pooled, smoothed) as in Ballinger (2024), the year
before against the two months from each date on, the largest T over the dates.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import dataclass
from datetime import date

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from oscd import auroc
from real import forest_stack
from tables import DATA, table, write_section

from changedet.detect import pwtt, scan
from changedet.site import Period
from changedet.stack import Periods

PERIODS = Periods(
    Period(first=date(2014, 10, 1), last=date(2015, 12, 31)), Period(first=date(2016, 1, 1), last=date(2018, 2, 28))
)
RATES = (0.01, 0.05)
YEAR, MONTHS = np.timedelta64(365, "D"), np.timedelta64(61, "D")
REVISIT = np.timedelta64(16, "D")
"""Of Landsat: the disturbance may be so much older than the first image that shows it, or more under clouds."""
WORDS = """\
The delivered settings. Those of radar (scales, spans, weight of the pooled scale, what dates are pooled over, share
that bounds them) were chosen on every second point; figures of the others were seen during development. The date is
the middle between the last unchanged and the first changed acquisition, of every disturbed point, found or not, or of
those found at a rate of false alarms; its error is against the first Landsat image that shows the disturbance, positive
where radar is later. The bracket reaches from the acquisition before the earliest possible first changed one to the
latest. It covers that Landsat image, or meets the 16 days that end with it: Landsat comes every 16 days, and the
disturbance is older than the first image of it. Landsat and radar do not see a felling on one day: wood that lies on
the ground is bare to Landsat, and rough to radar until it is burnt. Of the {undisturbed} undisturbed points
{flagged}."""


@dataclass(frozen=True)
class Dated:
    """What a method says of the points."""

    score: NDArray[np.float64]
    middle: NDArray[np.datetime64]
    bracket: tuple[NDArray[np.datetime64], NDArray[np.datetime64]] | None = None


@dataclass(frozen=True)
class Points:
    """The reference points, as places in the stack."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    when: NDArray[np.datetime64]
    """NaT: not disturbed."""

    @property
    def disturbed(self) -> NDArray[np.bool_]:
        return ~np.isnat(self.when)


def points(stack: xr.Dataset) -> Points:
    with (DATA / "ddl8s1ts" / "reference_points.csv").open() as file:
        records = list(csv.DictReader(file))
    x, y = (np.array([float(record[name]) for record in records]) for name in "xy")
    columns = np.abs(stack.x.values[None] - x[:, None]).argmin(1)
    rows = np.abs(stack.y.values[None] - y[:, None]).argmin(1)
    when = np.array([np.datetime64(record["disturbed_on"] or "NaT", "D") for record in records])
    return Points(rows, columns, when)


def between(last: NDArray, first: NDArray) -> NDArray[np.datetime64]:
    early, late = last.astype("datetime64[D]"), first.astype("datetime64[D]")
    return np.asarray(early + (late - early) // 2)


def scanned(stack: xr.Dataset, where: Points) -> Dated:
    # rate 1: every point is given its dates
    change = scan.detect(stack, PERIODS, scan.Config(), 1.0)
    times = stack.time.values.astype("datetime64[D]")
    at = {name: change[name].values[where.rows, where.columns] for name in scan.DATES}
    low, high = at["date_before_earliest"], at["date_latest"]
    middle = between(times[at["date_unchanged"]], times[at["date_changed"]])
    score = -np.log10(change.p_value.values[where.rows, where.columns].astype(np.float64))
    return Dated(score, middle, (times[low], times[high]))


def tested(stack: xr.Dataset, where: Points) -> Dated:
    """PWTT at every date of the window."""
    times = stack.time.values.astype("datetime64[D]")
    seen = stack.valid.values.any(0)
    logs = [np.stack([pwtt.log_lee(image, 5) for image in stack[name].values]) for name in ("vv", "vh")]
    best = np.full(len(where.rows), -1.0)
    middle = np.full(len(where.rows), np.datetime64("NaT", "D"))
    for k in np.flatnonzero(PERIODS.sides(stack)[1]):
        before = (times >= times[k] - YEAR) & (times < times[k])
        after = (times >= times[k]) & (times < times[k] + MONTHS)
        t = [np.nan_to_num(np.abs(pwtt.t_test(log[before], log[after], "pooled")[0])) for log in logs]
        largest = np.maximum(*t)
        smooth = np.mean([largest, *(pwtt.circle_mean(largest, seen, r / 30) for r in (50, 100, 150))], axis=0)
        here = smooth[where.rows, where.columns]
        larger = here > best
        best[larger], middle[larger] = here[larger], between(times[k - 1], times[k])
    return Dated(best, middle)


def errors(found: Dated, where: Points, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Days by which the disturbed points are dated too late."""
    return np.asarray((found.middle - where.when)[where.disturbed & chosen].astype(np.float64))


def area(found: Dated, where: Points, chosen: NDArray[np.bool_]) -> float:
    return auroc(np.nan_to_num(found.score[chosen]), where.disturbed[chosen])


def row(found: Dated, where: Points, chosen: NDArray[np.bool_]) -> list[str]:
    """Without the undisturbed points among the chosen there is no area."""
    days, disturbed = errors(found, where, chosen), where.disturbed & chosen
    auc = f"{area(found, where, chosen):.3f}" if (chosen & ~where.disturbed).any() else "–"
    cells = [str(int(disturbed.sum())), auc, f"{np.median(np.abs(days)):.0f}", f"{np.median(days):.0f}"]
    if found.bracket is None:
        return [*cells, *["–"] * 3]
    low, high = (side[disturbed] for side in found.bracket)
    when = where.when[disturbed]
    covers, meets = ((low <= when) & (when - lag <= high) for lag in (np.timedelta64(0, "D"), REVISIT))
    return [*cells, f"{covers.mean():.0%}", f"{meets.mean():.0%}", f"{np.median((high - low).astype(float)):.0f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    arguments = parser.parse_args()
    stack = forest_stack(DATA)
    where = points(stack)
    every = np.ones(len(where.rows), bool)
    fitted = np.arange(len(every)) % 2 == 0
    delivered = scanned(stack, where)
    rows, flagged = [], []
    for name, found in {"scan": delivered, "PWTT": tested(stack, where)}.items():
        for part, chosen in (("chosen on", fitted), ("left out", ~fitted), ("all", every)):
            rows.append([name, part, *row(found, where, chosen)])
    for rate in RATES:
        alarm = np.nan_to_num(delivered.score) >= -np.log10(rate)
        rows.append(["scan", f"found at {rate:.0%}", *row(delivered, where, alarm & where.disturbed)])
        flagged.append(f"{int((alarm & ~where.disturbed).sum())} at {rate:.0%}")
    head = ["", "points", "disturbed", "AUC", "median error, days", "signed", "bracket covers", "bracket meets",
            "days wide"]  # fmt: skip
    words = WORDS.format(undisturbed=int((~where.disturbed).sum()), flagged=f"{' and '.join(flagged)} are flagged")
    lines = [words, "", *table(head, rows)]
    print("\n".join(lines))
    if arguments.write:
        command = "python benchmarks/dating.py --write"
        write_section("dating", "Dates of weak disturbances: forest, Sentinel-1", command, lines)


if __name__ == "__main__":
    main()
