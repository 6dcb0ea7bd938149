"""How long the page takes and how large it is: 500 × 500 pixels, 60 dates, 20 detections.

    python benchmarks/report.py [--write]

The ground is noise, which packs worse than any real ground, so the size is an upper bound.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tables import ROOT, table, write_section

sys.path.insert(0, str(ROOT))  # the large evidence is that of the tests

from changedet.evidence import Evidence
from changedet.report import chips, composite, kmz, page, raster, timelapse, vectors
from tests.report.large import large_evidence

RUNS = 3
LIMIT_BYTES, LIMIT_SECONDS = 8_000_000, 10.0
Write = Callable[[Evidence, Path], tuple[Path, ...]]
WRITERS: dict[str, Write] = {
    "report.html": page.write,
    "close-ups": chips.write,
    "composites": lambda evidence, folder: composite.write(evidence, folder, close_ups=0),
    "time-lapse": timelapse.write,
    "rasters": raster.write,
    "GeoJSON, GeoPackage": vectors.write,
    "KMZ": kmz.write,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    arguments = parser.parse_args()
    evidence = large_evidence()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chips.write(evidence, folder)  # the page carries them
        for artefact, write in WRITERS.items():
            seconds, size = measure(write, evidence, folder)
            rows.append([artefact, f"{seconds:.1f}", f"{size / 1e6:.1f}"])
            print(rows[-1], flush=True)
            if artefact == "report.html":
                assert size < LIMIT_BYTES
                kept = "kept" if seconds < LIMIT_SECONDS else "not kept"
    if arguments.write:
        words = f"Asked for: `report.html` under 8 MB and in under 10 s ({kept}). Noise for ground, one process."
        title = "The report: 500 × 500 pixels, 60 dates, 20 detections"
        lines = [words, "", *table(["artefact", f"seconds, median of {RUNS}", "MB"], rows)]
        write_section("report", title, "python benchmarks/report.py --write", lines)


def measure(write: Write, evidence: Evidence, folder: Path) -> tuple[float, int]:
    """Median seconds of writing, and bytes written."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        written = write(evidence, folder)
        times.append(time.perf_counter() - start)
    return sorted(times)[RUNS // 2], sum(path.stat().st_size for path in written)


if __name__ == "__main__":
    main()
