"""Memory of passes over 500 sites with nothing new, and their page in Chromium: ``python benchmarks/watch_page.py``.

The sites are those of the tests of the page, sixty looks each; the catalogue holds no scene. With ``--write`` the table
goes into docs/benchmarks.md. Needs Chromium, playwright and psutil.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil
from tables import ROOT, table, write_section

from changedet.watch.ledger import write_look
from changedet.watch.watcher import watch

sys.path.insert(0, str(ROOT))  # the sites are those of the tests

from playwright.sync_api import sync_playwright

from tests.archive import site_yaml
from tests.browser.watched import CHROMIUM
from tests.watch.builders import history
from tests.watch.world import AFTER, BEFORE, plan

SITES, PASSES, TIMES = 500, 3, 5
ACTIONS = {
    "filter by a word": "find.value = 'site-4' + number; find.dispatchEvent(new Event('input'))",
    "sort by a column": "document.querySelectorAll('thead button')[3].click()",
}
MEASURE = """async number => {{
    const find = document.getElementById('find'), begun = performance.now();
    {action};
    await new Promise(drawn => requestAnimationFrame(() => setTimeout(drawn, 0)));
    return performance.now() - begun;
}}"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def make_sites(folder: Path) -> Path:
    """The folder of site files, and an archive with the history of each beside it."""
    nothing = {"type": "Catalog", "id": "none", "stac_version": "1.1.0", "description": "no scene", "links": []}
    (folder / "catalog.json").write_text(json.dumps(nothing))
    configs, rng = folder / "configs", random.Random(3)
    configs.mkdir()
    template = site_yaml(folder, "../catalog.json", before=BEFORE, after=AFTER).read_text()
    for i in range(SITES):
        looks = history(i, rng)
        site = looks[0].site
        (configs / f"{site}.yaml").write_text(template.replace("id: tiny", f"id: {site}"))
        (folder / "archive" / site / "looks").mkdir(parents=True)
        for look in looks:
            write_look(folder / "archive" / site, look)
    return configs


def passes(configs: Path) -> tuple[list[float], list[float]]:
    """Seconds of each pass, and megabytes of this process after it."""
    seconds, sizes, process = [], [], psutil.Process()
    for _ in range(PASSES):
        begun = time.monotonic()
        if code := watch(plan(configs)):
            raise SystemExit(f"the watch ended with {code}")
        seconds.append(time.monotonic() - begun)
        sizes.append(process.memory_info().rss / 1e6)
    return seconds, sizes


def in_chromium(path: Path) -> dict[str, list[float]]:
    """Milliseconds to the first paint, and of each action to the next one."""
    times: dict[str, list[float]] = {"first contentful paint": [], **{name: [] for name in ACTIONS}}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for number in range(TIMES):
            page = browser.new_page()
            page.goto(path.as_uri())
            page.wait_for_timeout(300)
            times["first contentful paint"].append(page.evaluate(PAINT))
            for name, action in ACTIONS.items():
                times[name].append(page.evaluate(MEASURE.format(action=action), number))
            page.close()
        browser.close()
    return times


def measure(folder: Path) -> list[str]:
    configs = make_sites(folder)
    seconds, sizes = passes(configs)
    index = folder / "archive" / "index.html"
    rows = [
        [
            f"a pass over {SITES} sites with nothing new, median of {PASSES}, seconds",
            f"{statistics.median(seconds):.1f}",
        ],
        ["memory after the first, second and third pass, MB", ", ".join(f"{size:.0f}" for size in sizes)],
        ["`index.html`, MB", f"{index.stat().st_size / 1e6:.2f}"],
    ]
    for name, values in in_chromium(index).items():
        rows.append([f"{name}, median of {TIMES}, ms", f"{statistics.median(values):.0f}"])
    words = "Sixty looks each, and a change at every tenth. Asked for: paint, filter and sort under 200 ms each."
    return [words, "", *table(["figure", "value"], rows)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = measure(Path(folder))
    print("\n".join(lines))
    if options.write:
        write_section("watch-page", f"Watching: {SITES} sites", "python benchmarks/watch_page.py --write", lines)


if __name__ == "__main__":
    main()
