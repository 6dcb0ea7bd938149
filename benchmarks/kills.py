"""Downloads killed with -9 at random instants, over loopback sockets: ``python benchmarks/kills.py [--write]``.

Needs CHANGEDET_CONTRACTS (default ../shared/contracts) for the loopback Sentinel Hub.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from tables import CONTRACTS, RELIABILITY, ROOT, table, write_section

sys.path.insert(0, str(ROOT))  # the loopback servers are those of the tests

from tests.archive import ground, shot, write_archive
from tests.loopback import serving
from tests.sources.sentinelhub_server import sentinel_hub

KINDS = ("stac", "sentinelhub")
DAYS = tuple(f"2024-{month:02d}-{day:02d}" for month in range(1, 6) for day in (5, 15))
LATENCY = 0.01
COLUMNS = {
    "kills": "kills",
    "files": "answers of a whole download",
    "kept": "answers kept by the killed downloads",
    "parts": "kills in the middle of a write",
    "downloaded_twice": "of the kept, downloaded twice",
    "other_bytes": "restarts with other final bytes",
    "failed_verification": "files that failed verification",
    "half_written": "half-written files",
}


def one_after_the_other(handler: BaseHTTPRequestHandler, name: str, number: int) -> bool:
    """Answers that come at different times, so that kills fall between them."""
    if name == "process":
        time.sleep(0.1 * (number % len(DAYS)))
    return False


def measure(kind: str, archive: Path, kills: int) -> dict[str, Any]:
    hub = kind == "sentinelhub"
    served = sentinel_hub(archive, CONTRACTS, one_after_the_other) if hub else serving(archive, latency=LATENCY)
    with tempfile.TemporaryDirectory() as folder, served as server:
        url = server.url if hub else f"{server.url}/catalog.json"
        done = subprocess.run(
            [sys.executable, "-m", "tests.killing", kind, url, folder, str(kills), "0"],
            capture_output=True, text=True, check=False, cwd=ROOT,
        )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    counts: dict[str, Any] = json.loads(done.stdout)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="of each source")
    parser.add_argument("--write", action="store_true", help="write the table into docs/reliability.md")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        shots = [shot(day, ground(), i) for i, day in enumerate(DAYS)]
        archive = write_archive(Path(folder), shots).parent
        for kind in KINDS:
            counts = measure(kind, archive, arguments.kills)
            rows.append([kind, *(str(counts[name]) for name in COLUMNS)])
            print(rows[-1], flush=True)
    if arguments.write:
        words = (
            f"{len(DAYS)} acquisitions over loopback sockets, all at once, as a run fetches them. Each download is "
            "killed at an instant drawn evenly from the length of an undisturbed one, then begun again on the same "
            "cache and compared with the undisturbed one, byte by byte. A part left aside by a kill is never read; "
            "`changedet cache prune` removes it."
        )
        lines = [words, "", *table(["source", *COLUMNS.values()], rows)]
        write_section("kills", "Killed at any instant", "python benchmarks/kills.py --write", lines, RELIABILITY)


if __name__ == "__main__":
    main()
