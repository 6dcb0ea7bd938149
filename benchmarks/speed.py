"""Speed and memory beside the tools in use, medians in one run: ``python benchmarks/speed.py [--write]``.

Arrays are in memory unless a row says "file to file". Compilation, a few seconds once a machine, is not counted: each
is run once on a small array before. Each row is measured in a process of its own, so that its memory is its own.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr
from numba import njit, prange
from numpy.typing import NDArray
from tables import write_section

from changedet.detect import pair, pwtt, scan
from changedet.detect.machine import build
from changedet.site import Period
from changedet.stack import Periods

RUNS = """\
A machine that others share, on which the same pass takes a third as long again in some minutes: medians of five, the
first among them, were 0.09 s with memory read at 54 GB/s (10.81 Mpx/s, 10 %), 0.11 s at 29 GB/s (8.97 Mpx/s, 15 %), and
in eight processes one after the other 0.097 to 0.125 s. In turn with what it was before a logarithm without division,
both bands in one loop and booleans for valid dates: 0.101 s for 0.113 s (medians of 40). On another day the pair's
area doubled in 2.6 times the time: its score in 1.9 to 2.0, the first touch of 256 MB of dates in ten and more."""
SHORT, TIMES, LONG = 15, 5, 3
"""Of which each median is taken: of what takes a tenth of a second, of others, and of the longest measures."""
OPTICAL = ("blue", "green", "red", "nir", "swir16", "swir22")
PERIODS = Periods(Period(first="2023-01-01", last="2024-06-30"), Period(first="2024-07-01", last="2024-12-31"))
FIRST = np.datetime64("2023-01-06T16:00", "ns")
"""Of the radar dates, 12 days apart: 45 lie before July 2024."""
SCAN_SIDE, DATES, BEFORE = 1000, 60, 45
PAIR_SIDE = 4000
OTB = "otbcli_MultivariateAlterationDetector"


def stack(height: int, width: int, bands: tuple[str, ...], times: NDArray[np.datetime64]) -> xr.Dataset:
    """Noise over patches, in which a twentieth of the area changes in the last quarter of the dates."""
    rng = np.random.default_rng(0)
    rows, columns = np.arange(height) // 20, np.arange(width) // 20
    patches = rng.random((rows[-1] + 1, columns[-1] + 1), np.float32)
    moved = rng.random(patches.shape, np.float32) < 0.05
    variables: dict[str, object] = {}
    for i, band in enumerate(bands):
        values = np.empty((len(times), height, width), np.float32)
        for t in range(len(times)):
            changed = t >= len(times) * 3 // 4 if len(times) > 2 else t == 1
            level = 0.1 + 0.02 * i + 0.2 * patches + (0.1 * moved if changed else 0)
            for top in range(0, height, 500):
                part = slice(top, min(top + 500, height))
                noise = rng.standard_normal((part.stop - top, width), np.float32)
                values[t, part] = level.astype(np.float32)[rows[part]][:, columns] * (1 + np.float32(0.1) * noise)
        variables[band] = (("time", "y", "x"), np.maximum(values, np.float32(1e-3), out=values))
    radar = bands[0] == "vv"
    key = "sentinel-1-orbit-021" if radar else "sentinel-2"
    variables["valid"] = (("time", "y", "x"), np.ones((len(times), height, width), bool))
    return xr.Dataset(
        variables,
        coords={
            "time": times, "y": 3_900_000.0 - 10 * np.arange(height), "x": 600_000.0 + 10 * np.arange(width),
            "scene_id": ("time", np.array([f"s{i}" for i in range(len(times))], object)),
            "platform": ("time", np.array([key[:10]] * len(times), object)),
            "relative_orbit": ("time", np.full(len(times), 21, np.int32)), "spatial_ref": 32637,
        },
        attrs={
            "schema": "changedet-stack-1", "sensor": key[:10], "quantity": "gamma0" if radar else "reflectance",
            "key": key, "simulated": 1,
        },
    )  # fmt: skip


def radar(side: tuple[int, int] = (SCAN_SIDE, SCAN_SIDE), dates: int = DATES) -> xr.Dataset:
    times = FIRST + np.arange(DATES) * np.timedelta64(12, "D")
    return stack(*side, ("vv", "vh"), times[:: DATES // dates])


def optical(height: int, width: int) -> xr.Dataset:
    return stack(height, width, OPTICAL, np.array(["2024-06-20", "2024-07-10"], "datetime64[ns]"))


def timed(work: Callable[[], object], times: int = TIMES) -> float:
    """Median seconds."""
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return float(np.median(seconds))


@njit(parallel=True, nogil=True)
def _read(values: NDArray[np.float32]) -> NDArray[np.float32]:
    out = np.empty(len(values), np.float32)
    for i in prange(len(values)):
        row, total = values[i].view(np.int32), np.int32(0)
        for x in range(len(row)):
            total ^= row[x]
        out[i] = total
    return out


def bandwidth() -> float:
    """Bytes a second that all cores together read from memory."""
    values = np.ones((256, 1_000_000), np.float32)
    _read(values[:2])
    return values.nbytes / timed(lambda: _read(values), SHORT)


def one_pass(data: xr.Dataset) -> Callable[[], None]:
    """Every split of every pixel with its date and brackets: reading, logarithm, baseline, whitening, sums.

    What precedes it is measured on samples and does not grow with the area, what follows it are tables of p-values.
    """
    config = scan.Config(scales=(0.0,), baseline="mean")
    machine, sample = build(data, PERIODS, config)
    _, limits = machine.measured(sample)
    height, width = machine.planes[0].shape[1:]

    def work() -> None:
        for top in range(0, height, machine.rows):
            found, seen = machine.scan_rows((top, min(top + machine.rows, height)))
            machine.dates(found, seen, width, limits)

    return work


def scan_pass() -> float:
    data = radar()
    work = one_pass(data)
    work()
    return timed(work, SHORT)


def doubled(whole: Callable[[], object], half: Callable[[], object]) -> float:
    """Seconds of the whole over those of the half, run in turn in one process: the median of ``TIMES`` such pairs.

    Measured minutes apart, a machine that others share would make as much of a difference as the work.
    """
    whole(), half()
    return float(np.median([timed(whole, 1) / timed(half, 1) for _ in range(TIMES)]))


def scan_doubled(height: int, dates: int) -> float:
    """Of twice the area, or twice the dates, of what is given."""
    return doubled(one_pass(radar()), one_pass(radar((height, SCAN_SIDE), dates)))


def pair_doubled() -> float:
    whole, half, config = optical(PAIR_SIDE, PAIR_SIDE), optical(PAIR_SIDE // 2, PAIR_SIDE), pair.Config()
    return doubled(*(lambda data=data: pair.detect(data, PERIODS, config, 0.01) for data in (whole, half)))


def scan_whole() -> float:
    data, config = radar(), scan.Config()
    scan.detect(data.isel(y=slice(0, 60), x=slice(0, 60)), PERIODS, config, 0.01)
    return timed(lambda: scan.detect(data, PERIODS, config, 0.01), LONG)


def pwtt_whole() -> float:
    data = radar()
    return timed(lambda: pwtt.detect(data, PERIODS, pwtt.Config(), 0.01))


def ewma() -> float:
    """nrt: fit on the reference dates and monitor the others, one polarisation."""
    from nrt.monitor.ewma import EWMA

    data = np.log(radar().vv)

    def work() -> None:
        monitor = EWMA(trend=False, harmonic_order=1)
        monitor.fit(data[:BEFORE], method="OLS")
        for t in range(BEFORE, DATES):
            monitor.monitor(data.values[t], data.time.values[t].astype("datetime64[us]").item())

    return timed(work, LONG)


def pair_whole() -> float:
    data, config = optical(PAIR_SIDE, PAIR_SIDE), pair.Config()
    pair.detect(data.isel(y=slice(0, 300), x=slice(0, 300)), PERIODS, config, 0.01)
    return timed(lambda: pair.detect(data, PERIODS, config, 0.01))


def otb(folder: Path) -> tuple[float, int]:
    """Seconds and peak memory of Orfeo ToolBox's MAD, file to file."""
    import rasterio

    data = optical(PAIR_SIDE, PAIR_SIDE)
    profile = {"driver": "GTiff", "height": PAIR_SIDE, "width": PAIR_SIDE, "count": len(OPTICAL), "dtype": "float32"}
    names = [str(folder / f"{name}.tif") for name in ("before", "after")]
    for t, name in enumerate(names):
        with rasterio.open(name, "w", **profile) as target:
            for b, band in enumerate(OPTICAL, start=1):
                target.write(data[band].values[t], b)
    del data
    command = [OTB, "-in1", names[0], "-in2", names[1], "-out", str(folder / "mad.tif"), "float"]
    peak = 0

    def work() -> None:
        nonlocal peak
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{OTB} ended with {process.returncode}")
        peak = max(peak, 1024 * usage.ru_maxrss)

    work()
    return timed(work), peak


MEASURES: dict[str, Callable[[], float]] = {
    "bandwidth": bandwidth,
    "scan": scan_pass,
    "scan, area doubled": lambda: scan_doubled(SCAN_SIDE // 2, DATES),
    "scan, dates doubled": lambda: scan_doubled(SCAN_SIDE, DATES // 2),
    "scan, whole": scan_whole,
    "pwtt": pwtt_whole,
    "ewma": ewma,
    # this first: on a new machine its process compiles, which takes memory that is not of the work
    "pair, area doubled": pair_doubled,
    "pair": pair_whole,
}


def apart(name: str) -> tuple[float, int]:
    """One measure in a process of its own: its value and its peak memory in bytes."""
    command = [sys.executable, "-W", "ignore", __file__, "--only", name]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()[-1])
    return float(answer["value"]), int(answer["peak"])


def table() -> list[str]:
    speed, _ = apart("bandwidth")
    has_nrt, has_otb = importlib.util.find_spec("nrt") is not None, shutil.which(OTB) is not None
    found = {name: apart(name) for name in MEASURES if name != "bandwidth" and (name != "ewma" or has_nrt)}
    scanned, paired = SCAN_SIDE**2 / 1e6, PAIR_SIDE**2 / 1e6
    stacked = 4 * 2 * DATES * SCAN_SIDE**2

    def row(what: str, name: str, area: float, read: int | None = None) -> str:
        seconds, peak = found[name]
        share = "" if read is None else f"{read / seconds / speed:.0%}"
        return f"| {what} | {seconds:.2f} | {area / seconds:.2f} | {share} | {peak / 1e9:.2f} |"

    lines = [
        f"{os.cpu_count()} cores, reading memory with all of them at {speed / 1e9:.0f} GB/s. Seconds are medians of "
        f"{TIMES}, of the one pass {SHORT}, of `scan` as delivered {LONG}; memory is the peak of the whole process, "
        "its input included.",
        "",
        "| what | seconds | Mpx/s | of the reading bandwidth | GB |",
        "|---|---|---|---|---|",
        row("60 dates × 2 polarisations × 1000 × 1000: all splits with dates, one pass", "scan", scanned, stacked),
        row("the same, `scan` as delivered: two scales, 24 placebo windows, p-values", "scan, whole", scanned, stacked),
        row("the same, `pwtt`: one split, numpy", "pwtt", scanned, stacked),
    ]
    if has_nrt:
        lines.append(row("one polarisation, nrt's EWMA: fit on 45, monitor 15", "ewma", scanned, stacked // 2))
    lines.append(row("4000 × 4000 × 6, `pair`", "pair", paired, 2 * 4 * 6 * PAIR_SIDE**2))
    if has_otb:
        with tempfile.TemporaryDirectory() as folder:
            found["otb"] = otb(Path(folder))
        lines.append(row("the same, Orfeo ToolBox's MAD, file to file", "otb", paired, 2 * 4 * 6 * PAIR_SIDE**2))
    ratios = {"the scan's area": "scan, area", "the scan's dates": "scan, dates", "the pair's area": "pair, area"}
    words = ", ".join(f"{what} {found[f'{name} doubled'][0]:.2f}" for what, name in ratios.items())
    why = "Of the pair's half the map's arrays of dates are held in memory, those of the whole go through files."
    return [*lines, "", f"Time multiplied by doubling, in turn in one process: {words}. {why}", "", *RUNS.splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    parser.add_argument("--only", choices=MEASURES, help="one measure, as JSON")
    options = parser.parse_args()
    if options.only:
        value = MEASURES[options.only]()
        print(json.dumps({"value": value, "peak": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
        return
    lines = table()
    print("\n".join(lines))
    if options.write:
        write_section("speed", "Speed and memory", "python benchmarks/speed.py --write", lines)


if __name__ == "__main__":
    main()
