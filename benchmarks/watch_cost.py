"""What a watch of many sites would cost, from the measured tables: ``python benchmarks/watch_cost.py [--write]``.

Run it after ``watch_step.py`` and ``watch_cluster.py``. Prices are left to the reader: they differ and change.
"""

from __future__ import annotations

import argparse
import re

from tables import BENCHMARKS, ROOT, table, write_section

DOCUMENT = ROOT / "docs" / "howto" / "cluster.md"
SITES = 10_000
LOOKS = 365 / 5
"""Acquisitions of Sentinel-2 a year."""
REBUILT = 365 / 30
"""Times a year that all dates are prepared again."""
BANDS, DEPTH, KEPT = 6, 2, 4
"""Bands; bytes of a value as it is published, decoded, and as it is kept."""
FILES = 3
"""Of a date in the shared cache: bands, classification, record."""


def section(marker: str) -> str:
    """A section of docs/benchmarks.md."""
    text = BENCHMARKS.read_text("utf-8")
    begin, end = f"<!-- {marker}:begin -->", f"<!-- {marker}:end -->"
    return text[text.index(begin) : text.index(end)]


def found(pattern: str, text: str) -> tuple[float, ...]:
    """The numbers of a pattern that the section must hold."""
    match = re.search(pattern, text)
    if match is None:
        raise SystemExit(f"docs/benchmarks.md has no {pattern!r}; run the benchmark before")
    return tuple(float(number) for number in match.groups())


def model() -> list[str]:
    step, cluster = section("watch-step"), section("watch-cluster")
    whole, one = found(r"seconds of the processor \| ([\d.]+) \| ([\d.]+) \|", step)
    side, _ = found(r"(\d+) × (\d+) pixels", step)
    (overhead,) = found(r"scheduler costs a site: (\d+) ms", cluster)
    hours = (LOOKS * (one + overhead / 1000) + REBUILT * whole) / 3600
    # a look: a miss and its files into the cache, the list of scenes both ways, the looks listed, look and summary
    requests = LOOKS * (1 + FILES + 2 + 1 + 2)
    fetched, kept = (LOOKS * BANDS * size * side**2 / 1e9 for size in (DEPTH, KEPT))
    rows = [
        ["core hours", f"{hours:.2f}", f"{hours * SITES:,.0f}"],
        ["GB fetched, decoded", f"{fetched:.2f}", f"{fetched * SITES:,.0f}"],
        ["GB added to the cache", f"{kept:.2f}", f"{kept * SITES:,.0f}"],
        ["requests to the object store", f"{requests:,.0f}", f"{requests * SITES:,.0f}"],
    ]
    return [
        f"Of Sentinel-2 alone, every 5 days, {BANDS} bands, {side:.0f} × {side:.0f} pixels a site; {SITES:,} sites are "
        "a continent's refineries, depots, ports and airfields. Hours of the processor are those of "
        "[benchmarks](../benchmarks.md): a look at a new date, and twelve times a year all dates from nothing, which "
        "is more than it takes where the cache has them. Reports, some 25 files for each change, are left out; so are "
        "requests for the imagery, which are its archive's to count (`changedet search` does).",
        "",
        *table(["a year", "a site", f"{SITES:,} sites"], rows),
        "",
        f"So {hours * SITES / 8766:.1f} cores that never rest, or {hours * SITES / 8766 * 24:.0f} for one hour a day. "
        "Prices differ and change: multiply by those of your account.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/howto/cluster.md")
    options = parser.parse_args()
    lines = model()
    print("\n".join(lines))
    if options.write:
        command = "python benchmarks/watch_cost.py --write"
        write_section("watch-cost", "What a continent would cost", command, lines, DOCUMENT)


if __name__ == "__main__":
    main()
