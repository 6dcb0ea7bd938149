"""How well a run overlaps its downloads, and what a second run pays: ``python benchmarks/acquisition.py [--write]``.

60 acquisitions over loopback sockets from servers that let 200 ms pass before each answer: a STAC API with byte ranges,
and Sentinel Hub. ``changedet run`` is called twice in a process of its own. Needs CHANGEDET_CONTRACTS (default
../shared/contracts) for the loopback Sentinel Hub.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tables import CONTRACTS, ROOT, table, write_section

sys.path.insert(0, str(ROOT))  # the loopback servers are those of the tests

from tests import stac_api
from tests.archive import ground, shot, site_yaml, write_archive
from tests.sources import sentinelhub_server as hub

LATENCY = 0.2
DAYS = tuple(date(2023, 6, 1) + timedelta(days=6 * i) for i in range(60))
MOST_OF_SUM, MOST_OF_WARM = 0.25, 0.05
HEAD = (
    "source", "cold: requests", "sum of response times", "search and acquisition", "share of the sum", "warm run",
    "of it acquisition",
)  # fmt: skip


@dataclass
class Waiting:
    """Lets time pass before each answer, and counts."""

    answers: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, handler: BaseHTTPRequestHandler, *_: Any) -> bool:
        with self.lock:
            self.answers += 1
        time.sleep(LATENCY)
        return False


def served(kind: str, archive: Path, waiting: Waiting) -> AbstractContextManager[Any]:
    if kind == "stac":
        return stac_api.stac_api(archive, fault=waiting)
    return hub.sentinel_hub(archive, CONTRACTS, waiting)


def remembered() -> Callable[[Any, dict[str, Any]], bytes]:
    """Answers of Sentinel Hub are computed once, in a rehearsal: the service has machines of its own for that."""
    known: dict[str, bytes] = {}
    compute = hub._Handler._tiff

    def answer(self: Any, body: dict[str, Any]) -> bytes:
        key = json.dumps(body, sort_keys=True)
        if key not in known:
            known[key] = compute(self, body)
        return known[key]

    return answer


def run(folder: Path, url: str, cache: str) -> tuple[dict[str, Any], float]:
    """``run.json`` of one run, and its wall time."""
    out = folder / f"out-{time.monotonic_ns()}"
    environment = {**os.environ, "CHANGEDET_SH_LOOPBACK": url, "SH_CLIENT_ID": "me", "SH_CLIENT_SECRET": hub.SECRET}
    begun = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "changedet", "run", str(folder / "site.yaml"), "--out", str(out), "--json",
         "--cache", str(folder / cache)],
        check=True, capture_output=True, cwd=ROOT, env=environment,
    )  # fmt: skip
    wall = time.monotonic() - begun
    return json.loads(next(out.glob("*/*/run.json")).read_text()), wall


def measure(kind: str) -> list[str]:
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        shots = [shot(f"{day}", ground(), i) for i, day in enumerate(DAYS)]
        archive = write_archive(folder / "archive", shots).parent
        waiting = Waiting()
        with served(kind, archive, waiting) as server:
            site = site_yaml(
                folder, server.url, before="[2023-06-01, 2024-03-01]", after="[2024-03-02, 2024-07-01]",
                more="sensors:\n  sentinel-2: {max_cloud: 100}\n",
            )  # fmt: skip
            if kind == "sentinelhub":
                content = site.read_text()
                site.write_text(content.replace(f"kind: stac\n  catalog: {server.url}", "kind: sentinelhub"))
                run(folder, server.url, "rehearsal")
            waiting.answers = 0
            cold, _ = run(folder, server.url, "cache")
            total = waiting.answers * LATENCY
            warm, wall = run(folder, server.url, "cache")
    spent = cold["timings"]["search"] + cold["timings"]["acquire"]
    again = warm["timings"]["acquire"]
    fit = spent <= MOST_OF_SUM * total and again <= MOST_OF_WARM * wall
    print(json.dumps(cold["timings"]), json.dumps(warm["timings"]), "ok" if fit else "TOO SLOW", flush=True)
    return [
        kind, str(round(total / LATENCY)), f"{total:.1f} s", f"{spent:.1f} s", f"{spent / total:.0%}", f"{wall:.1f} s",
        f"{again:.2f} s ({again / wall:.1%})",
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    arguments = parser.parse_args()
    rows = []
    with patch.object(stac_api, "PAGE", 100), patch.object(hub._Handler, "_tiff", remembered()):
        for kind in ("stac", "sentinelhub"):
            rows.append(measure(kind))
            print(rows[-1], flush=True)
    if arguments.write:
        words = (
            f"{len(DAYS)} acquisitions over loopback sockets, {LATENCY * 1000:.0f} ms before each answer; the sum is "
            "that of these waits alone. The bounds: a quarter of the sum for a cold run, and 5 % of a warm one, which "
            "reads and verifies the cache."
        )
        command = "python benchmarks/acquisition.py --write"
        write_section("acquisition", "Downloads: overlap, and a second run", command, [words, "", *table(HEAD, rows)])


if __name__ == "__main__":
    main()
